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

from typing import Any

from shadow_reserve.api.schemas import common

#: How many must be said, unless it is only asked what would be done: then
#: it may be left to the trigger.
MOVE: dict[str, Any] = {
    **common.only({
        'count': common.integer(
            'Give a number of instances, from 1 to 1000.',
            minimum=1, maximum=1000),
        'dry_run': {
            'type': 'boolean',
            'description': 'Give true to be told what would be done and '
                           'why, with nothing changed.',
        },
    }),
    'if': {'properties': {'dry_run': {'const': True}},
           'required': ['dry_run']},
    'else': {'required': ['count'],
             'description': 'Give count, or dry_run: true.'},
}
