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

GROUP = cfg.OptGroup('notifications', title='Notifications of our own')

OPTIONS: list[cfg.Opt] = [
    cfg.ListOpt(
        'topics', default=['shadow_reserve_notifications'],
        help='Topics on which the engine announces what happens, once '
             '[oslo_messaging_notifications] driver is set, which says how. '
             'RabbitMQ gets queues <topic>.info, .warn and .error: without '
             'a consumer they grow. [trigger] notification_topic must not '
             'be among them. All engines must agree.'),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(GROUP)
    conf.register_opts(OPTIONS, group=GROUP)


def list_opts() -> list[tuple[cfg.OptGroup | str, list[cfg.Opt]]]:
    return [(GROUP, OPTIONS)]
