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

GROUP = cfg.OptGroup('lease', title='Extension and price of leases')

_RATES = types.Dict(types.String())

OPTIONS: list[cfg.Opt] = [
    cfg.IntOpt(
        'settle_interval', default=3600, min=1,
        help='Seconds after which shadow that is held or used goes on the '
             'ledger, if nothing changed before.'),
    cfg.Opt(
        'base_rates', type=_RATES, default={
            'VCPU': '0.02', 'MEMORY_GB': '0.005', 'DISK_GB': '0.0002'},
        help='Price of an hour of the primary reservation, for each '
             'resource class.'),
    cfg.Opt(
        'hold_rates', type=_RATES, default={
            'VCPU': '0.005', 'MEMORY_GB': '0.00125', 'DISK_GB': '0.0002'},
        help='Price of an hour for which shadow is held but does not '
             'serve, for each resource class.'),
    cfg.Opt(
        'use_rates', type=_RATES, default={
            'VCPU': '0.03', 'MEMORY_GB': '0.0075', 'DISK_GB': '0.0002'},
        help='Price of an hour for which shadow serves, for each resource '
             'class.'),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(GROUP)
    conf.register_opts(OPTIONS, group=GROUP)


def list_opts() -> list[tuple[cfg.OptGroup | str, list[cfg.Opt]]]:
    return [(GROUP, OPTIONS)]
