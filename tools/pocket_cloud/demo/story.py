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


"""The thread of the story."""

import collections.abc
import pathlib
import time

from pocket_cloud.demo import aftermath
from pocket_cloud.demo import checks
from pocket_cloud.demo import ending
from pocket_cloud.demo import holding
from pocket_cloud.demo import opening
from pocket_cloud.demo import promotion
from pocket_cloud.demo import report
from pocket_cloud.demo import stage as demo_stage
from pocket_cloud import progress

STEPS: tuple[tuple[
    str, tuple[collections.abc.Callable[[demo_stage.Stage], None], ...]],
    ...] = (
    ('An ordinary tenant has an application of four servers',
     (opening.build,)),
    ('It has run for two weeks: its measures are in Gnocchi',
     (opening.back_fill,)),
    ('The tenant reserves it, with an active policy', (opening.reserve,)),
    ('The service forecasts, and holds a shadow beside it',
     (holding.foresee, holding.hold)),
    ('The load rises', (promotion.raise_load,)),
    ('Aodh\'s alarm promotes the shadow, and the lease is extended',
     (promotion.promote, promotion.extend)),
    ('The load falls: back into the pool', (ending.calm,)),
    ('The reservation is deleted: nothing of it is left',
     (ending.delete,)),
)


def tell(stage: demo_stage.Stage, target: pathlib.Path,
         keep: bool) -> None:
    """All of it, and the report, whatever happens.

    :param target: where the report goes
    :param keep: leave what was made
    :raises CheckFailed: when a step is not as it must be
    """
    begun = time.monotonic()
    try:
        for title, parts in STEPS:
            if keep and parts == (ending.delete,):
                continue
            with stage.tell.step(title):
                for part in parts:
                    part(stage)
    except BaseException as error:
        stage.record.failure = str(error) or type(error).__name__
        raise
    finally:
        stage.stop_load()
        stage.record.seconds = time.monotonic() - begun
        _write_report(stage, target)
        if keep:
            _say_what_is_kept(stage)
        else:
            _put_away(stage)


def _write_report(stage: demo_stage.Stage, target: pathlib.Path) -> None:
    if stage.record.live:
        try:
            stage.record.measured = aftermath.measured(stage)
            if not stage.record.alarm:
                stage.record.alarm = aftermath.alarm_states(stage)
        except Exception as error:
            # The report is worth having without it, most of all after a
            # failure.
            progress.say(f'The report will lack something: {error}')
    target.write_text(report.render(stage.record), encoding='utf-8')
    progress.say(f'\nThe report: {target.absolute()}')


def _say_what_is_kept(stage: demo_stage.Stage) -> None:
    progress.say(
        f'Kept, as you wished: reservation and servers of {stage.name} '
        f'in the project demo, and their measures. To remove them: '
        f'openstack shadow reservation delete {stage.name} --wait, then '
        f'openstack server delete.')


def _put_away(stage: demo_stage.Stage) -> None:
    """Each part is tried, also after another failed."""
    failures = []
    for what, remove in (
            ('reservation', stage.remove_reservation),
            ('servers', stage.remove_servers),
            ('measures', stage.gnocchi.delete)):
        try:
            remove()
        except Exception as error:
            failures.append(f'{what}: {error}')
    checks.require(
        not failures, f'Not all of the demo could be removed; '
                      f'{"; ".join(failures)}')
    progress.say('The demo\'s own servers and measures are removed.')
