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

GROUP = cfg.OptGroup('engine', title='The reconciling engine')

OPTIONS: list[cfg.Opt] = [
    cfg.IntOpt(
        'reconcile_interval', default=30, min=1,
        help='Seconds between two rounds over all reservations, each of '
             'which gives a pass to those that need one. A notification '
             'only makes the engine look sooner, so this is the longest '
             'delay after a lost message.'),
    cfg.IntOpt(
        'relist_interval', default=600, min=1,
        help='Seconds after which the servers of a project are listed as '
             'a whole again. In between, each round asks Nova only for '
             'servers that changed. What Nova does not count as a change '
             '(metadata and tags that somebody edits by hand) is seen '
             'after so long at the latest.'),
    cfg.IntOpt(
        'sweep_interval', default=300, min=1,
        help='Seconds between two searches for servers, trusts and alarms '
             'that no record stands behind.'),
    cfg.IntOpt(
        'sweep_grace', default=120, min=1,
        help='Seconds for which something without a record must have been '
             'seen before it is removed. Keep it longer than the longest '
             'API request.'),
    cfg.IntOpt(
        'retry_maximum_delay', default=300, min=1,
        help='Seconds; upper bound of the growing pause between two tries '
             'for a reservation whose last pass met a service that was '
             'down.'),
    cfg.PortOpt(
        'metrics_port', default=0,
        help='Port on which GET /metrics is answered for Prometheus, '
             'without authentication; 0 for none.'),
    cfg.HostAddressOpt(
        'metrics_address', default='127.0.0.1',
        help='Address at which it is answered. The metrics name all hosts '
             'and what is free on them, so let only Prometheus reach it.'),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(GROUP)
    conf.register_opts(OPTIONS, group=GROUP)


def list_opts() -> list[tuple[cfg.OptGroup | str, list[cfg.Opt]]]:
    return [(GROUP, OPTIONS)]
