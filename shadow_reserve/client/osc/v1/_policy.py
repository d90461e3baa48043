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

"""Options for the fields of a reservation's policy."""

import argparse
from typing import Any

from shadow_reserve.client.osc.v1 import _common

#: Field, type, name of the value, help.
_FIELDS: tuple[tuple[str, Any, str, str], ...] = (
    ('service_level', float, '<share>',
     'Share of time in which the capacity is meant to suffice, 0.95 for '
     '95 %%'),
    ('safety_margin', float, '<share>',
     'Share that is added on top of the forecast, 0.2 for 20 %%'),
    ('target_utilisation', float, '<share>',
     'Share of an instance that is meant to be busy, 0.6 for 60 %%'),
    ('minimum_shadow', int, '<count>',
     'Shadow instances to hold at least'),
    ('maximum_shadow', int, '<count>',
     'Shadow instances to hold at most'),
    ('scale_in_threshold', float, '<percent>',
     'CPU utilisation under which shadow goes back into the pool'),
    ('promotion_cooldown', _common.duration, '<duration>',
     'Time between two promotions: seconds, or like 5m'),
    ('cooldown', _common.duration, '<duration>',
     'Time between a change and going back: seconds, or like 15m'),
    ('maximum_extension', float, '<share>',
     'Share of the duration by which use of shadow may prolong the lease'),
    ('priority', int, '<number>',
     'From 0 to 100; where the cloud needs room, idle shadow of low '
     'priority is given back first'),
    ('drain_time', _common.duration, '<duration>',
     'Time that an instance which is sent back runs on before it is held '
     'again: seconds, or like 5m'),
)

#: The same, of fields that may be without a value.
_BOUNDS: tuple[tuple[str, Any, str, str, str], ...] = (
    ('cpu_threshold', float, '<percent>',
     'CPU utilisation above which shadow is promoted',
     'Leave CPU utilisation alone'),
    ('memory_threshold', float, '<percent>',
     'Memory pressure above which shadow is promoted',
     'Leave memory pressure alone'),
    ('io_latency_threshold', float, '<milliseconds>',
     'I/O latency above which shadow is promoted',
     'Leave I/O latency alone'),
    ('memory_scale_in_threshold', float, '<percent>',
     'Memory pressure under which shadow goes back into the pool',
     'Go by half of the memory threshold'),
    ('io_latency_scale_in_threshold', float, '<milliseconds>',
     'I/O latency under which shadow goes back into the pool',
     'Go by half of the I/O latency threshold'),
    ('alarm_period', _common.duration, '<duration>',
     'Granularity of the measures that alarms look at: seconds, or like 5m',
     'Leave it to the operator'),
    ('alarm_evaluation_periods', int, '<count>',
     'For how many of these periods in a row a threshold must be crossed',
     'Leave it to the operator'),
    ('promotion_step', int, '<count>',
     'Shadow instances that are promoted at a time',
     'Promote as many as bring utilisation to its target'),
    ('maximum_promoted', int, '<count>',
     'Shadow instances that serve at a time, at most',
     'Promote whatever there is'),
    ('promote_ahead', float, '<probability>',
     'Promote when the forecast says with that probability that a threshold '
     'will be crossed, 0.4 for 40 %%',
     'Wait for the alarm'),
    ('budget', str, '<amount>', 'Most that shadow may cost in all',
     'Let shadow cost what it costs'),
    ('maximum_uses', int, '<count>',
     'Promotions after which a shadow instance is replaced',
     'However often it was promoted, keep it'),
    ('maximum_age', _common.duration, '<duration>',
     'Age at which a shadow instance is replaced: seconds, or like 7d',
     'However old it is, keep it'),
)

_HOOK_KINDS = ('webhook', 'octavia_pool', 'metadata')

_TIERS = ('suspended', 'shelved', 'stopped', 'offloaded')


def _hold_step(text: str) -> dict[str, Any]:
    """``shelved=2``: two in that tier; ``offloaded``: the rest."""
    tier, _, count = text.partition('=')
    if tier not in _TIERS or (count and not count.isdecimal()):
        raise argparse.ArgumentTypeError(
            f'{text!r} is not one of {", ".join(_TIERS)}, with =<count> '
            f'for a part of the mix')
    return {'tier': tier, 'count': int(count) if count else None}


def _scheduled(text: str) -> dict[str, Any]:
    """``start=0 18 * * 5,duration=4h,quantity=10``"""
    fields: dict[str, Any] = dict(_common.parts(
        text, 'start', 'duration', 'quantity', 'timezone'))
    missing = {'start', 'duration', 'quantity'} - fields.keys()
    if missing:
        raise argparse.ArgumentTypeError(
            f'{text!r} lacks {", ".join(sorted(missing))}')
    fields['duration'] = _common.duration(fields['duration'])
    fields['quantity'] = _common.whole(fields['quantity'], 'quantity')
    return fields


def _hook(text: str) -> dict[str, Any]:
    """``kind=octavia_pool,pool_id=<uuid>,protocol_port=80``"""
    fields: dict[str, Any] = dict(_common.parts(
        text, 'kind', 'url', 'pool_id', 'protocol_port', 'key', 'value'))
    if fields.get('kind') not in _HOOK_KINDS:
        raise argparse.ArgumentTypeError(
            f'{text!r} has no kind; give kind= one of '
            f'{", ".join(_HOOK_KINDS)}')
    if 'protocol_port' in fields:
        fields['protocol_port'] = _common.whole(
            fields['protocol_port'], 'protocol_port')
    return fields


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--mode', choices=('forecast_only', 'active'),
        help='forecast_only says what it would do, active does it')
    for field, kind, metavar, text in _FIELDS:
        parser.add_argument(f'--{field.replace("_", "-")}', type=kind,
                            metavar=metavar, help=text)
    parser.add_argument(
        '--hold', type=_hold_step, action='append',
        metavar='<tier>[=<count>]',
        help=f'How shadow instances wait: {", ".join(_TIERS)}; with a '
             f'count for so many of them, the last one without for the '
             f'rest (repeat for a mix)')
    for field, kind, metavar, text, opposite in _BOUNDS:
        option = field.replace('_', '-')
        group = parser.add_mutually_exclusive_group()
        group.add_argument(
            f'--{option}', type=kind, metavar=metavar, help=text)
        group.add_argument(
            f'--no-{option}', action='store_true', help=opposite)
    parser.add_argument(
        '--alarm-combination', choices=('separate', 'any', 'all'),
        help='separate makes an alarm for each metric, any of which '
             'promotes; any and all make one over all metrics')
    cold = parser.add_mutually_exclusive_group()
    cold.add_argument(
        '--cold-creation', action='store_true',
        help='Build from nothing what the pool lacks for a promotion')
    cold.add_argument(
        '--no-cold-creation', action='store_true',
        help='Promote only what there is')
    hooks = parser.add_mutually_exclusive_group()
    hooks.add_argument(
        '--hook', type=_hook, action='append', dest='hooks',
        metavar='kind=<kind>[,<field>=<value>...]',
        help='What is done when an instance has come to serve, and undone '
             'when it goes back: kind=webhook,url=<url>; '
             'kind=octavia_pool,pool_id=<id>,protocol_port=<port>; or '
             'kind=metadata,key=<key>,value=<value> (repeat for several; '
             'they take the place of those there were)')
    hooks.add_argument(
        '--no-hook', action='store_true', help='Run no hooks')
    schedule = parser.add_mutually_exclusive_group()
    schedule.add_argument(
        '--schedule', type=_scheduled, action='append',
        metavar='start=<cron>,duration=<duration>,quantity=<count>'
                '[,timezone=<name>]',
        help='So many shadow instances at set times, whatever the forecast '
             'says: "start=0 18 * * 5,duration=4h,quantity=10" for Fridays '
             'from 18:00 to 22:00, in UTC if no time zone is named (repeat '
             'for several; they take the place of those there were)')
    schedule.add_argument(
        '--no-schedule', action='store_true',
        help='Go by the forecast at all times')


def chosen(arguments: argparse.Namespace) -> dict[str, Any]:
    """The fields for which an option was given."""
    bounds = tuple(field for field, *_ in _BOUNDS)
    names = ('mode', *(field for field, *_ in _FIELDS), 'hold', 'schedule',
             'alarm_combination', 'hooks', *bounds)
    policy = {name: getattr(arguments, name) for name in names
              if getattr(arguments, name) is not None}
    for name in bounds:
        if getattr(arguments, f'no_{name}'):
            policy[name] = None
    for name, emptied in (('schedule', arguments.no_schedule),
                          ('hooks', arguments.no_hook)):
        if emptied:
            policy[name] = []
    if arguments.cold_creation or arguments.no_cold_creation:
        policy['cold_creation'] = arguments.cold_creation
    return policy
