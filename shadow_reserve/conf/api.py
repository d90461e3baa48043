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

GROUP = cfg.OptGroup('api', title='REST API')

OPTIONS: list[cfg.Opt] = [
    cfg.IntOpt(
        'max_limit', default=1000, min=1,
        help='How many items a list answers at the most in one page.'),
    cfg.ListOpt(
        'delegated_roles', default=['member', 'reader'],
        help='Roles that the creator of a reservation delegates to the '
             'service, as far as they have them, so that it may build and '
             'shelve servers for them. Add a role here only where the '
             'policy of another service asks for it.'),
    cfg.IntOpt(
        'maximum_body_size', default=262144, min=1,
        help='Bytes; a request with a larger body is refused.'),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(GROUP)
    conf.register_opts(OPTIONS, group=GROUP)


def list_opts() -> list[tuple[cfg.OptGroup | str, list[cfg.Opt]]]:
    return [(GROUP, OPTIONS)]
