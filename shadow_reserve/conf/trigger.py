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
from oslo_config import types

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
        'hook_timeout', default=120, min=1,
        help='Seconds for which a hook of a policy is tried before a '
             'server serves without it, or, on its way back, is drained '
             'and held although it was not undone.'),
    cfg.ListOpt(
        'webhook_networks', default=[], item_type=types.String(),
        help='Networks, in CIDR notation, to which the engine may send the '
             'webhooks of policies. Tenants choose the addresses: name '
             'nothing that your own services are in. A name is resolved '
             'once, and redirects and proxies are not followed. By default '
             'none is sent.'),
    cfg.StrOpt(
        'webhook_ca_file',
        help='File with the certificates of the authorities that webhooks '
             'over https trust. By default those of the system.'),
    cfg.StrOpt(
        'archive_policy',
        help='Archive policy in Gnocchi of the metric '
             'shadow_reserve.io_latency, which the engine writes for alarms '
             'on I/O latency. It must have the granularity and the '
             'aggregation method mean. By default it is that of the '
             'servers\' own metrics.'),
    cfg.IntOpt(
        'alarm_patience', default=180, min=1,
        help='Seconds for which an alarm may be without data though the '
             'servers run, or not be evaluated by Aodh, before the engine '
             'looks at the usage itself. Keep it at a few times Aodh\'s '
             '[evaluator] evaluation_interval.'),
    cfg.IntOpt(
        'watch_interval', min=1,
        help='Seconds between two looks at the usage of applications whose '
             'alarms are of no use just now. Without it, that is '
             'granularity.'),
    cfg.IntOpt(
        'bus_interval', default=5, min=1,
        help='Seconds between two small messages that each engine sends on '
             'notification_topic to see that the message bus works. When '
             'nothing comes back for three intervals, Aodh is asked at '
             'this interval which alarms stand.'),
    cfg.IntOpt(
        'reaction_time', default=180, min=0,
        help='Seconds from the moment that a threshold is crossed until '
             'its alarm is heard: what the alarm\'s evaluation periods and '
             'Aodh\'s evaluation_interval come to. A policy with '
             'promote_ahead looks so far ahead, and by the time that a '
             'promotion takes.'),
    cfg.IntOpt(
        'default_promotion_time', default=60, min=0,
        help='Seconds that a promotion is believed to take, for as long as '
             'too few were seen to know better.'),
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
