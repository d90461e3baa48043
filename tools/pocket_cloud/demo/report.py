# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.


"""demo-report.html: one page that needs nothing but itself."""

import collections.abc
import datetime
import decimal
import html
import importlib.resources

from pocket_cloud.demo import closeup
from pocket_cloud.demo import overview
from pocket_cloud.demo import recording

Rows = collections.abc.Sequence[tuple[str, ...]]


def render(record: recording.Recording) -> str:
    """The page."""
    style = importlib.resources.files(__package__).joinpath(
        'report.css').read_text(encoding='utf-8')
    record.marks.sort(key=lambda mark: mark.moment)
    return '\n'.join((
        '<!DOCTYPE html>', '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        f'<title>shadow_reserve: {html.escape(record.application)}</title>',
        f'<style>{style}</style></head><body><main>',
        _head(record), _figures(record), _drawings(record),
        _events(record), _reservation(record), _steps(record),
        _notes(record), '</main></body></html>', ''))


def _head(record: recording.Recording) -> str:
    if record.failure is None:
        verdict = (f'<p class="ok">Every step was as it must be, in '
                   f'{record.seconds:.0f} s.</p>')
    else:
        verdict = (f'<p class="failed">It failed: '
                   f'{html.escape(record.failure)}</p>')
    return (f'<h1>A shadow beside a reservation</h1>'
            f'<p class="sub">Application {html.escape(record.application)} '
            f'on a pocket cloud of real OpenStack services, '
            f'{record.started:%A %d %B %Y, %H:%M:%S} UTC. '
            f'All times are UTC.</p>{verdict}')


def _figures(record: recording.Recording) -> str:
    """What matters most, in large figures."""
    shown = []
    held = max((one.held for one in record.live), default=0)
    if held:
        shown.append((str(held), 'shadow instances held: shelved, and '
                                 'claimed in Placement'))
    for name, text in (
            ('alarm → capacity', 'from the alarm to all of them ACTIVE'),
            ('the load is raised', 'before that: until Aodh has seen two '
                                   'periods over the threshold')):
        shown += [(str(leg), text) for leg in record.legs
                  if leg.name.startswith(name)][:1]
    if record.after:
        longer = _moment(record.after['end_time']) - _moment(
            record.before['end_time'])
        dearer = (decimal.Decimal(record.after['cost'])
                  - decimal.Decimal(record.before['cost']))
        shown.append((f'+{longer.total_seconds():.1f} s',
                      'the lease, for the shadow that was used'))
        shown.append((f'+{dearer:.6f}', 'its cost, on the ledger'))
    tiles = ''.join(f'<div><b>{value}</b><span>{html.escape(text)}</span>'
                    f'</div>' for value, text in shown)
    return f'<section class="figures">{tiles}</section>'


def _moment(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


def _drawings(record: recording.Recording) -> str:
    parts = []
    for title, text, drawing in (
            ('Demand, forecast, capacity and events',
             'One time axis; its middle, the live phase, is drawn on a '
             'scale of its own. The numbers are the events below.',
             overview.draw(record)),
            ('The live phase',
             'Above, what the application needs and the servers that Nova '
             'gives it. Below, how busy a server is by Gnocchi\'s '
             'measures, and the state of Aodh\'s alarm.',
             closeup.draw(record)),
            ('From load to capacity',
             'Seconds since the load rose.', closeup.legs(record))):
        if drawing:
            parts.append(f'<section><h2>{title}</h2><p>{text}</p>{drawing}'
                         f'</section>')
    return ''.join(parts)


def _table(titles: tuple[str, ...], rows: Rows,
           numbers: tuple[int, ...] = ()) -> str:
    """:param rows: of HTML
    :param numbers: columns that are set to the right
    """
    def cells(row: tuple[str, ...], name: str) -> str:
        return ''.join(
            f'<{name}{" class=n" if index in numbers else ""}>{cell}'
            f'</{name}>' for index, cell in enumerate(row))
    body = ''.join(f'<tr>{cells(row, "td")}</tr>' for row in rows)
    return (f'<table><thead><tr>{cells(titles, "th")}</tr></thead>'
            f'<tbody>{body}</tbody></table>')


def _events(record: recording.Recording) -> str:
    if not record.marks:
        return ''
    rows = [(f'<i>{number}</i>', f'{mark.moment:%H:%M:%S}',
             html.escape(mark.text), html.escape(mark.source))
            for number, mark in enumerate(record.marks, 1)]
    return '<section><h2>Events</h2>' + _table(
        ('', 'UTC', 'what happened', 'according to'), rows) + '</section>'


def _reservation(record: recording.Recording) -> str:
    """Before and after, and what the ledger says."""
    if not record.after:
        return ''
    rows = [(name, html.escape(str(record.before[field])),
             html.escape(str(record.after[field])))
            for name, field in (('end', 'end_time'), ('cost', 'cost'),
                                ('duration, s', 'duration_seconds'))]
    kinds: dict[str, list[decimal.Decimal]] = {}
    for row in record.ledger:
        kinds.setdefault(row['Kind'], []).append(
            decimal.Decimal(row['Amount']))
    ledger = [(html.escape(kind), str(len(amounts)), str(sum(amounts)))
              for kind, amounts in kinds.items()]
    return ('<section class="two"><div><h2>The reservation</h2>'
            + _table(('', 'as made', 'after the use'), rows)
            + '</div><div><h2>Its ledger</h2>'
            + _table(('kind', 'entries', 'amount'), ledger, (1, 2))
            + '</div></section>')


def _steps(record: recording.Recording) -> str:
    rows = []
    for step in record.steps:
        lines = ''.join(
            f'<div><span>{html.escape(service)}</span>'
            f'{html.escape(text)}</div>' for service, text in step.lines)
        title = html.escape(step.title)
        rows.append((
            str(step.number), f'{step.started:%H:%M:%S}',
            f'{step.seconds:.1f} s',
            'ok' if step.succeeded else '<strong>failed</strong>',
            f'<details><summary>{title}</summary>{lines}</details>'))
    return ('<section><h2>The steps</h2><p>Each opens to what was read '
            'back, and from which service.</p>' + _table(
                ('', 'begun, UTC', 'took', '', 'step'), rows, (2,))
            + '</section>')


def _notes(record: recording.Recording) -> str:
    return (
        f'<section class="notes"><h2>What is real, and what is not</h2>'
        f'<p>Keystone, Placement, Nova, Glance, Neutron\'s API, Gnocchi, '
        f'Aodh and shadow_reserve are the services themselves. Nova\'s '
        f'computes pretend: no guest boots, so the time from decision to '
        f'ACTIVE is that of the control plane only. The application\'s use '
        f'of CPU, memory and disk is made up ('
        f'{html.escape(record.trace)}), and written to Gnocchi as '
        f'Ceilometer would. The pocket cloud looks oftener than a real one '
        f'(30-second measures, an evaluation every 5 s), which shortens '
        f'the way to the alarm.</p></section>')
