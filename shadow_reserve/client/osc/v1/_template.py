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


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--image', metavar='<image>', required=True,
        help='Image that shadow instances boot from (name or ID)')
    parser.add_argument(
        '--network', metavar='<network>', action='append', default=[],
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


def chosen(arguments: argparse.Namespace) -> dict[str, Any]:
    """The template of the request.

    :raises CommandError: where the options do not fit together
    """
    networks = list(arguments.network)
    if 'none' in networks:
        if len(networks) > 1:
            raise exceptions.CommandError(
                '--network none does not go with other networks.')
        networks = []
    template: dict[str, Any] = {
        'image': arguments.image, 'networks': networks}
    for field, value in (
            ('security_groups', arguments.security_group),
            ('key_name', arguments.key_name),
            ('availability_zone', arguments.availability_zone),
            ('metadata', arguments.properties)):
        if value:
            template[field] = value
    if arguments.user_data is not None:
        try:
            raw = arguments.user_data.read_bytes()
        except OSError as error:
            raise exceptions.CommandError(
                f'--user-data cannot be read: {error}') from error
        template['user_data'] = base64.b64encode(raw).decode()
    return template
