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

from oslo_config import cfg

GROUP = cfg.OptGroup('trigger', title='Alarms and promotions')

OPTIONS: list[cfg.Opt] = [
    cfg.StrOpt(
        'notification_topic', default='shadow_reserve_alarms',
        help='Topic on which notifications are heard, of alarms and of '
             'servers that find no host. It must be one of the topics of '
             'Aodh\'s [oslo_messaging_notifications] and of Nova\'s '
             '[notifications] versioned_notifications_topics, and nobody '
             'else\'s: consumers of one topic take messages from each '
             'other.'),
    cfg.IntOpt(
        'granularity', default=60, min=1,
        help='Seconds; granularity of the measures that alarms and '
             'promotions look at. The archive policy of the instances\' '
             'metrics must have it. Best is the interval at which they are '
             'polled: with several samples in an interval, the one that '
             'Aodh sees half full looks calmer than it is.'),
    cfg.IntOpt(
        'evaluation_periods', default=2, min=1,
        help='For how many such intervals in a row a threshold must be '
             'crossed. The newest interval is still being filled when Aodh '
             'looks at it, so 1 flaps.'),
    cfg.IntOpt(
        'promotion_concurrency', default=16, min=1,
        help='How many members of all reservations are promoted at once by '
             'an engine: so many requests to Nova are under way. More wait '
             'for their turn.'),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(GROUP)
    conf.register_opts(OPTIONS, group=GROUP)


def list_opts() -> list[tuple[cfg.OptGroup | str, list[cfg.Opt]]]:
    return [(GROUP, OPTIONS)]
