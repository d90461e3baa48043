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
from shadow_reserve.records import reservation

#: What Nova takes as the key of a metadata item.
KEY: common.JsonSchema = {
    'type': 'string', 'format': 'text',
    'pattern': '^[a-zA-Z0-9-_:. ]{1,255}$',
    'description': 'Give a key of 1 to 255 letters, digits, spaces and '
                   '-_:. characters.',
}

_READINESS = common.only({
    'kind': {
        'enum': [kind.value for kind in reservation.ReadinessKind],
        'description': 'Give metadata (with key and value) or http (with '
                       'port and path).',
    },
    'key': KEY,
    'value': {
        'type': 'string', 'minLength': 1, 'maxLength': 255,
        'format': 'text',
        'description': 'Give 1 to 255 printable characters.',
    },
    'port': common.integer(
        'Give a TCP port, from 1 to 65535.', minimum=1, maximum=65535),
    'path': {
        'type': 'string', 'maxLength': 255, 'format': 'text',
        'pattern': '^/[!-~]*$',
        'description': 'Give a path that begins with / and has no spaces '
                       'and only ASCII characters: /ready.',
    },
}, required=('kind',))

_VOLUME = common.only({
    'size': common.integer(
        'Give GiB, from 1 to 65536.', minimum=1, maximum=65536),
    'type': common.NAME_OR_NULL,
    'attach': {
        'enum': [time.value for time in reservation.AttachTime],
        'description': 'Give build (it stays attached) or promotion (it '
                       'is attached while its instance serves).',
    },
}, required=('size',))

TEMPLATE = common.only({
    'image': common.NAME,
    'networks': {'type': 'array', 'items': common.NAME, 'maxItems': 32},
    'security_groups': {
        'type': 'array', 'items': common.NAME, 'maxItems': 32},
    'key_name': common.NAME_OR_NULL,
    'user_data': {
        'type': ['string', 'null'], 'maxLength': 65535, 'format': 'base64',
        'description': 'Give at most 65535 characters in base64, as Nova '
                       'takes them.',
    },
    'availability_zone': common.NAME_OR_NULL,
    'metadata': {
        'type': 'object', 'maxProperties': 100,
        'propertyNames': KEY,
        'additionalProperties': {
            'type': 'string', 'maxLength': 255, 'format': 'text',
            'description': 'Give a string of at most 255 characters.',
        },
        'properties': {},
    },
    'config_drive': {
        'type': 'boolean', 'description': 'Give true or false.',
    },
    'readiness': {
        **_READINESS, 'type': ['object', 'null'],
    },
    'volumes': {
        'type': 'array', 'maxItems': 8, 'items': _VOLUME,
        'description': 'Give at most 8 volumes.',
    },
}, required=('image',))
