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

GROUP = cfg.OptGroup('shadow', title='Building and holding shadow')

OPTIONS: list[cfg.Opt] = [
    cfg.IntOpt(
        'settle_time', default=60, min=0,
        help='Seconds for which a new shadow instance runs before it is '
             'shelved, so that its first boot is over.'),
    cfg.IntOpt(
        'build_timeout', default=900, min=1,
        help='Seconds after which a server that is still building is '
             'given up and replaced.'),
    cfg.IntOpt(
        'promotion_timeout', default=120, min=1,
        help='Seconds after which a promotion that has not ended in ACTIVE '
             'is given up; another instance is then promoted instead, if '
             'there is one. Nova says nothing when an unshelve fails, so '
             'time is the only sign.'),
    cfg.IntOpt(
        'error_backoff', default=60, min=1,
        help='Seconds before a failed shadow instance is deleted and '
             'replaced.'),
    cfg.IntOpt(
        'maximum_failures', default=5, min=1,
        help='Shadow instances of one reservation that may fail in a row '
             'within an hour before no more are built.'),
    cfg.IntOpt(
        'quota_headroom', default=1, min=0,
        help='For how many more instances of a reservation\'s size its '
             'project\'s quota is to have room beside the shadow. Where it '
             'has less, shadow instances that do not serve are released. '
             'What is built to serve at once is not bounded by it.'),
    cfg.IntOpt(
        'reclaim_delay', default=300, min=0,
        help='Seconds for which capacity that was given back to the cloud '
             'is left alone before it is held again.'),
    cfg.ListOpt(
        'probe_networks', default=[], item_type=types.String(),
        help='Networks, in CIDR notation, in which the engine may ask new '
             'servers over HTTP whether they are ready. Tenants choose the '
             'addresses of their servers: name nothing that your own '
             'services are in. By default none is asked, and a template '
             'with an HTTP readiness hook never becomes ready.'),
    cfg.IntOpt(
        'shrink_delay', default=900, min=0,
        help='Seconds for which a forecast must have asked for less shadow '
             'before some of it is released. What is released is never '
             'more than what was too much all that time.'),
    cfg.IntOpt(
        'default_lead_time', default=300, min=0,
        help='Seconds from the intent to build a shadow instance until it '
             'is held, for as long as there were too few builds in this '
             'cloud to tell. The forecast is looked at that much further '
             'ahead, and scheduled shadow is built that much earlier.'),
    cfg.FloatOpt(
        'maximum_share', default=0.5, min=0.0, max=1.0,
        help='Share of the capacity of the whole cloud that idle shadow '
             'may hold. For the hosts of an aggregate, its property '
             'shadow_reserve:maximum_share bounds it further.'),
    cfg.FloatOpt(
        'low_water_mark', default=0.05, min=0.0, max=1.0,
        help='Share of the capacity of each availability zone that is to '
             'stay free. When less is, idle shadow is given back, that of '
             'least value first. 0 turns it off.'),
    cfg.IntOpt(
        'lending_interval', default=30, min=1,
        help='Seconds between two looks at whether idle shadow holds more '
             'than these shares allow. A server that found no host is seen '
             'to at once.'),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(GROUP)
    conf.register_opts(OPTIONS, group=GROUP)


def list_opts() -> list[tuple[cfg.OptGroup | str, list[cfg.Opt]]]:
    return [(GROUP, OPTIONS)]
