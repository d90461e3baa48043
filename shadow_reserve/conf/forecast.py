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

import datetime

from oslo_config import cfg
from oslo_config import types


class Date(types.ConfigType):
    """A day, as ISO 8601 writes it."""

    def __init__(self) -> None:
        super().__init__(type_name='date value')

    def __call__(self, value: str) -> datetime.date:
        """:raises ValueError: when it is none"""
        try:
            return datetime.date.fromisoformat(value)
        except ValueError as error:
            raise ValueError(
                f'{value!r} is no date such as 2026-12-25') from error

    def _formatter(self, value: datetime.date) -> str:
        return value.isoformat()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    __hash__ = types.ConfigType.__hash__


GROUP = cfg.OptGroup('forecast', title='Usage history and forecasts')

OPTIONS: list[cfg.Opt] = [
    cfg.StrOpt(
        'metric_source', default='gnocchi',
        help='Where usage history is read; a name in the entry point group '
             'shadow_reserve.metric_source.'),
    cfg.IntOpt(
        'metric_source_concurrency', default=4, min=1, max=32,
        help='Requests for usage history that are made at once. Gnocchi '
             'spends its CPU on them: a number about that of its API '
             'processes is best.'),
    cfg.IntOpt(
        'threads', default=1, min=1, max=64,
        help='Threads that forecasts are worked out in. One does for some '
             'thousands of reservations; more take processors from the '
             'rest of the engine while it forecasts.'),
    cfg.IntOpt(
        'interval', default=300, min=10,
        help='Seconds between two forecasts of a reservation.'),
    cfg.IntOpt(
        'retrain_interval', default=7 * 86400, min=60,
        help='Seconds after which the model is fitted anew. A new one that '
             'does worse than the old one does not serve.'),
    cfg.ListOpt(
        'holidays', item_type=Date(), default=[],
        help='Days on which demand is as on a Sunday, such as '
             '2026-12-25,2026-12-26; days are those of UTC.'),
    cfg.IntOpt(
        'history_days', default=14, min=2,
        help='Days of history that are read and learned from. With less '
             'than four there is hardly ever enough to learn from, and the '
             'mix of experts forecasts by itself.'),
    cfg.IntOpt(
        'horizon', default=86400, min=3600, max=86400,
        help='Seconds ahead that profiles go, in steps of five minutes: '
             'from an hour to a day.'),
    cfg.IntOpt(
        'peak_window', default=1800, min=300, max=86400,
        help='Seconds ahead that the pool must be right for: the time a '
             'shadow instance takes to build, and the time to the next '
             'decision.'),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(GROUP)
    conf.register_opts(OPTIONS, group=GROUP)


def list_opts() -> list[tuple[cfg.OptGroup | str, list[cfg.Opt]]]:
    return [(GROUP, OPTIONS)]
