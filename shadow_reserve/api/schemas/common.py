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

"""Pieces that several schemas share.

Every ``description`` is also the advice in the error that a wrong value
gets, so it says what a right one is.
"""

from typing import Any

JsonSchema = dict[str, Any]

#: Ten years, in seconds; beyond it dates run out of range somewhere.
MAXIMUM_DURATION = 10 * 365 * 86400

NAME: JsonSchema = {
    'type': 'string', 'minLength': 1, 'maxLength': 255, 'format': 'name',
    'description': 'Give 1 to 255 printable characters, without space '
                   'around them.',
}

NAME_OR_NULL: JsonSchema = {**NAME, 'type': ['string', 'null']}


def only(properties: dict[str, JsonSchema],
         required: tuple[str, ...] = (), **more: Any) -> JsonSchema:
    """An object with these properties and no others."""
    return {'type': 'object', 'properties': properties,
            'required': list(required), 'additionalProperties': False,
            **more}


def number(description: str, **bounds: float) -> JsonSchema:
    return {'type': 'number', 'description': description, **bounds}


def integer(description: str, **bounds: int) -> JsonSchema:
    return {'type': 'integer', 'description': description, **bounds}
