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

"""The engine does not start on options that it cannot follow."""

import datetime

import oslo_messaging
import pytest

from shadow_reserve.cmd import engine
from shadow_reserve.cmd import options
from shadow_reserve.db import session
from shadow_reserve.engine import listener
from shadow_reserve.engine import service
from shadow_reserve.engine import terms


def written(tmp_path, lines):
    path = tmp_path / 'shadow_reserve.conf'
    path.write_text(f'[forecast]\n{lines}\n')
    return str(path)


def test_holidays_are_dates(tmp_path):
    conf = options.load(
        ['--config-file', written(
            tmp_path, 'holidays = 2026-12-25, 2027-01-01')],
        program='shadow-reserve-engine')
    assert terms.forecasts(conf).holidays == {
        datetime.date(2026, 12, 25), datetime.date(2027, 1, 1)}


def test_there_are_no_holidays_by_default(tmp_path):
    conf = options.load(['--config-file', written(tmp_path, '')],
                        program='shadow-reserve-engine')
    assert terms.forecasts(conf).holidays == frozenset()


def test_forecasts_take_as_many_threads_as_they_may(tmp_path):
    for lines, threads in (('', 1), ('threads = 4', 4)):
        conf = options.load(['--config-file', written(tmp_path, lines)],
                            program='shadow-reserve-engine')
        assert terms.forecasts(conf).threads == threads


def test_no_thread_has_to_open_a_connection_of_its_own(tmp_path, monkeypatch):
    # given the engine of a database server
    conf = options.load(['--config-file', written(tmp_path, '')],
                        program='shadow-reserve-engine')
    given = {}
    monkeypatch.setattr(
        session, 'Database',
        lambda connection, **engine: given.update(engine))
    session.from_options(conf)
    # then more are kept than its threads use at once: two times the
    # promotions, the alarms, the passes, and what repeats itself
    assert given['max_pool_size'] >= 2 * conf.trigger.promotion_concurrency + (
        listener._AT_ONCE + service._PASS_THREADS + 12)


@pytest.mark.parametrize('lines, count', [
    ('', 8), ('[DEFAULT]\nexecutor_thread_pool_size = 64\n', 64)])
def test_few_messages_are_handled_at_once_unless_more_shall_be(
        tmp_path, lines, count):
    conf = options.load(['--config-file', written(tmp_path, lines)],
                        program='shadow-reserve-engine')
    listener.build(oslo_messaging.get_notification_transport(
        conf, url='fake://'), 'alarms')
    assert conf.executor_thread_pool_size == count


@pytest.mark.parametrize('line, named', [
    ('holidays = 2026-12-25, 25.12.2026', ('holidays', '25.12.2026')),
    ('holidays = 2026-02-30', ('holidays', '2026-02-30')),
    ('threads = 0', ('threads',)),
    ('peak_window = 86700', ('peak_window',))])
def test_a_wrong_option_is_named_at_the_start(
        tmp_path, monkeypatch, line, named):
    monkeypatch.setattr('sys.argv', [
        'shadow-reserve-engine', '--config-file', written(tmp_path, line)])
    with pytest.raises(SystemExit) as ending:
        engine.main()
    for word in named:
        assert word in str(ending.value.code)
