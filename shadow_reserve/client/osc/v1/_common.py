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

"""What several commands share."""

import argparse
from collections.abc import Sequence
import json
import re
from typing import Any

from cliff import columns
from openstack import exceptions as sdk_exceptions
from osc_lib.command import command as osc_command
from osc_lib import exceptions

from shadow_reserve.client.sdk import _proxy
from shadow_reserve.client.sdk import reservation as sdk_reservation

_UNITS = {'d': 86400, 'h': 3600, 'm': 60, 's': 1}


def client_of(command: osc_command.Command) -> _proxy.Proxy:
    """The service, for a command that runs in the shell."""
    manager: Any = command.app.client_manager
    proxy: _proxy.Proxy = manager.shadow_reserve
    return proxy


def duration(text: str) -> int:
    """Seconds, out of ``7200``, ``2h`` or ``1d12h30m``."""
    if text.isascii() and text.isdigit():
        return int(text)
    if not re.fullmatch(r'(\d+[dhms])+', text, re.ASCII):
        raise argparse.ArgumentTypeError(
            f'{text!r} is no length of time; write seconds, or like 2h or '
            f'1d12h30m')
    return sum(int(count) * _UNITS[unit]
               for count, unit in re.findall(r'(\d+)([dhms])', text))


def parts(text: str, *names: str) -> dict[str, str]:
    """``size=10,type=fast`` as a dict.

    A comma that no name and ``=`` follow is a part of the value before.

    :raises ArgumentTypeError: where a name is not one of ``names``, or is
        given twice
    """
    found: dict[str, str] = {}
    for part in re.split(f',(?=(?:{"|".join(names)})=)', text):
        name, equals, value = part.partition('=')
        if not equals or name not in names or name in found:
            raise argparse.ArgumentTypeError(
                f'{text!r} is not written like '
                f'{",".join(f"{known}=<value>" for known in names)}')
        found[name] = value
    return found


def whole(text: str, what: str) -> int:
    """:raises ArgumentTypeError: when it is no whole number"""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(
            f'{what} is {text!r}, which is no whole number')
    return int(text)


def add_reservation(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'reservation', metavar='<reservation>',
        help='Token of the reservation, or its name if no other has it')


def find(client: _proxy.Proxy,
         token_or_name: str) -> sdk_reservation.Reservation:
    """:raises CommandError: when there is none, or several by that name"""
    try:
        found = client.find_reservation(token_or_name, ignore_missing=False)
    except sdk_exceptions.DuplicateResource as error:
        raise exceptions.CommandError(
            f'Several reservations are called {token_or_name}; give the '
            f'token.') from error
    except sdk_exceptions.NotFoundException:
        found = None
    if found is None:
        raise exceptions.CommandError(
            f'There is no reservation with the token or name '
            f'{token_or_name}.')
    return found


def add_paging(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument(
        '--after', metavar='<sequence>', type=int,
        help=f'Only {what} after that sequence number')
    parser.add_argument(
        '--limit', metavar='<count>', type=int,
        help=f'At most so many {what}')


def paging(arguments: argparse.Namespace) -> dict[str, int]:
    """The part of the query that ``add_paging`` is about."""
    query = {'after': arguments.after, 'max_items': arguments.limit}
    return {name: value for name, value in query.items()
            if value is not None}


class Fields(columns.FormattableColumn[dict[str, Any]]):
    """A dict: itself for programs, a line for each field for people."""

    def machine_readable(self) -> dict[str, Any]:
        return self._value

    def human_readable(self) -> str:
        return '\n'.join(
            f'{key}: {value if isinstance(value, str) else json.dumps(value)}'
            for key, value in self._value.items())


Table = tuple[Sequence[str], Sequence[Sequence[Any]]]
