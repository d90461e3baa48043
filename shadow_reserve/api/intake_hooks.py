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

"""What a policy's hooks must be, beyond their schema."""

from collections.abc import Sequence
import dataclasses

from shadow_reserve.api import errors
from shadow_reserve.records import hook
from shadow_reserve.records import reservation

Kind = hook.HookKind

#: What each kind takes, all of it.
_FIELDS = {
    Kind.WEBHOOK: {'url'},
    Kind.OCTAVIA_POOL: {'pool_id', 'protocol_port'},
    Kind.METADATA: {'key', 'value'},
}

#: Keys of metadata items that the service itself sets begin with it.
_OUR_PREFIX = 'shadow_reserve:'


def check(hooks: Sequence[hook.Hook],
          selector: reservation.Selector) -> None:
    """:raises Problem: 400"""
    for position, one in enumerate(hooks):
        field = f'reservation.policy.hooks.{position}'
        _check_fields(field, one)
        if one.key is not None:
            _check_key(f'{field}.key', one.key, selector)
        # Two that do the same would undo each other's work.
        if any(_place(one) == _place(before)
               for before in hooks[:position]):
            raise errors.bad_field(
                field, 'There is one of that kind for the same thing '
                       'already; leave one of them out.')


def _check_fields(field: str, one: hook.Hook) -> None:
    given = {name for name, value in dataclasses.asdict(one).items()
             if value is not None} - {'kind'}
    own = _FIELDS[one.kind]
    if given == own:
        return
    lacking, foreign = sorted(own - given), sorted(given - own)
    advice = [f'give {" and ".join(lacking)}'] if lacking else []
    if foreign:
        advice.append(f'leave out {" and ".join(foreign)}')
    raise errors.bad_field(
        field, f'With the kind {one.kind}, {", and ".join(advice)}.')


def _check_key(field: str, key: str,
               selector: reservation.Selector) -> None:
    if key.startswith(_OUR_PREFIX):
        raise errors.bad_field(
            field, f'Keys that begin with {_OUR_PREFIX} are the service\'s '
                   f'own; give another one.')
    if (selector.kind is reservation.SelectorKind.METADATA
            and key == selector.key):
        raise errors.bad_field(
            field, f'{key} is the key by which the selector finds the '
                   f'application; give another one.')


def _place(one: hook.Hook) -> tuple[object, ...]:
    return one.kind, one.url, one.pool_id, one.protocol_port, one.key
