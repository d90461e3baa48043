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

"""Options for what shadow instances are built from."""

import argparse
import base64
import pathlib
from typing import Any

from osc_lib.cli import parseractions
from osc_lib import exceptions

from shadow_reserve.client.osc.v1 import _common


#: Fields that ``set`` can take away: option, field, and what it then is.
_TAKEN_AWAY: tuple[tuple[str, str, Any], ...] = (
    ('security-group', 'security_groups', []),
    ('key-name', 'key_name', None),
    ('user-data', 'user_data', None),
    ('availability-zone', 'availability_zone', None),
    ('property', 'metadata', {}),
    ('readiness', 'readiness', None),
    ('volume', 'volumes', []),
)


def _readiness(text: str) -> dict[str, Any]:
    """``kind=metadata,key=ready,value=yes``, ``kind=http,port=80``"""
    fields: dict[str, Any] = dict(_common.parts(
        text, 'kind', 'key', 'value', 'port', 'path'))
    if 'port' in fields:
        fields['port'] = _common.whole(fields['port'], 'port')
    return fields


def _volume(text: str) -> dict[str, Any]:
    """``size=10,type=fast,attach=build``"""
    fields: dict[str, Any] = dict(_common.parts(
        text, 'size', 'type', 'attach'))
    if 'size' in fields:
        fields['size'] = _common.whole(fields['size'], 'size')
    return fields


def add_options(parser: argparse.ArgumentParser, *, new: bool) -> None:
    """:param new: for a new template, not for one to be changed"""
    parser.add_argument(
        '--image', metavar='<image>', required=new,
        help='Image that shadow instances boot from (name or ID)')
    parser.add_argument(
        '--network', metavar='<network>', action='append',
        help='Network of shadow instances (name or ID; repeat for '
             'several), or none')
    parser.add_argument(
        '--security-group', metavar='<group>', action='append',
        help='Security group of shadow instances (name or ID; repeat for '
             'several)')
    parser.add_argument(
        '--key-name', metavar='<key>',
        help='Keypair of shadow instances')
    parser.add_argument(
        '--user-data', metavar='<file>', type=pathlib.Path,
        help='File with the user data of shadow instances')
    parser.add_argument(
        '--availability-zone', metavar='<zone>',
        help='Availability zone of shadow instances')
    parser.add_argument(
        '--property', metavar='<key=value>', dest='properties',
        action=parseractions.KeyValueAction,
        help='Metadata item of shadow instances (repeat for several)')
    parser.add_argument(
        '--config-drive', action=argparse.BooleanOptionalAction,
        help='Whether shadow instances have a config drive')
    parser.add_argument(
        '--readiness', metavar='<what>', type=_readiness,
        help='When a new shadow instance is ready to be held: '
             'kind=metadata,key=<key>,value=<value> when it has that '
             'metadata item; kind=http[,port=<port>][,path=<path>] when it '
             'answers there')
    parser.add_argument(
        '--volume', metavar='size=<GiB>[,type=<type>][,attach=<when>]',
        type=_volume, action='append', dest='volumes',
        help='Volume of each shadow instance, attached at its build or at '
             'each promotion (the default) (repeat for several)')
    if not new:
        for option, *_ in _TAKEN_AWAY:
            parser.add_argument(
                f'--no-{option}', action='store_true',
                help=f'Take away what --{option} gave; together with it, '
                     f'the same as that alone')


def changed(arguments: argparse.Namespace,
            shown: dict[str, Any]) -> dict[str, Any] | None:
    """A template as it is shown, with what was chosen in it.

    ``None`` where nothing was. User data is never shown, and stays as it
    is when a template is sent without any.

    :raises CommandError: where the options do not fit together
    """
    changes = {field: nothing for option, field, nothing in _TAKEN_AWAY
               if getattr(arguments, f'no_{option.replace("-", "_")}')}
    changes |= chosen(arguments)
    return shown | changes if changes else None


def chosen(arguments: argparse.Namespace) -> dict[str, Any]:
    """The fields for which an option was given.

    :raises CommandError: where the options do not fit together
    """
    template = {field: value for field, value in (
        ('image', arguments.image),
        ('networks', _networks(arguments.network)),
        ('security_groups', arguments.security_group),
        ('key_name', arguments.key_name),
        ('availability_zone', arguments.availability_zone),
        ('metadata', arguments.properties),
        ('config_drive', arguments.config_drive),
        ('readiness', arguments.readiness),
        ('volumes', arguments.volumes)) if value is not None}
    if arguments.user_data is not None:
        try:
            raw = arguments.user_data.read_bytes()
        except OSError as error:
            raise exceptions.CommandError(
                f'--user-data cannot be read: {error}') from error
        template['user_data'] = base64.b64encode(raw).decode()
    return template


def _networks(names: list[str] | None) -> list[str] | None:
    if names is None or 'none' not in names:
        return names
    if len(names) > 1:
        raise exceptions.CommandError(
            '--network none does not go with other networks.')
    return []
