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

from shadow_reserve.api.schemas import common
from shadow_reserve.api.schemas import template
from shadow_reserve.records import hook

_HOOK = common.only({
    'kind': {
        'enum': [kind.value for kind in hook.HookKind],
        'description': 'Give webhook (with url), octavia_pool (with '
                       'pool_id and protocol_port) or metadata (with key '
                       'and value).',
    },
    'url': {
        'type': 'string', 'maxLength': 2048, 'format': 'url',
        'description': 'Give an address of at most 2048 characters that '
                       'begins with https:// or http://, without a user '
                       'or a password in it.',
    },
    'pool_id': {
        'type': 'string', 'format': 'uuid',
        'description': 'Give the ID of an Octavia pool, a UUID.',
    },
    'protocol_port': common.integer(
        'Give a port, from 1 to 65535.', minimum=1, maximum=65535),
    'key': template.KEY,
    'value': {
        'type': 'string', 'maxLength': 255, 'format': 'text',
        # Nova's database has room for three bytes of UTF-8.
        'pattern': '^[\u0000-\uffff]*$',
        'description': 'Give at most 255 printable characters, no emoji '
                       'among them (nothing beyond U+FFFF).',
    },
}, required=('kind',))

HOOKS: common.JsonSchema = {
    'type': 'array', 'maxItems': 8, 'items': _HOOK,
    'description': 'Give at most 8 of them; none for no hooks.',
}
