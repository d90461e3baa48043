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

"""``openstack shadow reservation ...``"""

import argparse
from collections.abc import Sequence
import logging
from typing import Any

from osc_lib.cli import parseractions
from osc_lib.command import command
from osc_lib import exceptions

from shadow_reserve.client.osc.v1 import _common
from shadow_reserve.client.osc.v1 import _policy
from shadow_reserve.client.osc.v1 import _template
from shadow_reserve.client.sdk import reservation as sdk_reservation

LOG = logging.getLogger(__name__)

_SHOWN: tuple[tuple[str, str], ...] = (
    ('token', 'token'), ('name', 'name'), ('status', 'status'),
    ('flavor', 'flavor'), ('quantity', 'quantity'),
    ('start_time', 'start_time'), ('end_time', 'end_time'),
    ('duration_seconds', 'duration'),
    ('contracted_duration_seconds', 'contracted_duration'),
    ('cost', 'cost'), ('policy', 'policy'), ('template', 'template'),
    ('selector', 'selector'), ('lease_backend', 'lease_backend'),
    ('lease_id', 'lease_id'),
    ('shadow_allocation_id', 'shadow_allocation_id'),
    ('project_id', 'project_id'), ('user_id', 'user_id'),
    ('created_at', 'created_at'), ('updated_at', 'updated_at'))

_LISTED: tuple[tuple[str, str], ...] = (
    ('Token', 'token'), ('Name', 'name'), ('Status', 'status'),
    ('Flavor', 'flavor'), ('Quantity', 'quantity'),
    ('Start Time', 'start_time'), ('End Time', 'end_time'),
    ('Cost', 'cost'))
_LISTED_LONG: tuple[tuple[str, str], ...] = (
    *_LISTED, ('Duration (s)', 'duration'), ('Project ID', 'project_id'),
    ('Policy', 'policy'), ('Selector', 'selector'))


def _value(found: sdk_reservation.Reservation, attribute: str) -> Any:
    value = getattr(found, attribute)
    return _common.Fields(value) if isinstance(value, dict) else value


def _details(
        found: sdk_reservation.Reservation,
) -> tuple[Sequence[str], Sequence[Any]]:
    return ([title for title, _ in _SHOWN],
            [_value(found, attribute) for _, attribute in _SHOWN])


class CreateReservation(command.ShowOne):
    """Reserve instances, with a shadow beside them"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument(
            'name', metavar='<name>', help='Name of the reservation')
        parser.add_argument(
            '--flavor', metavar='<flavor>', required=True,
            help='Flavor of its instances (name or ID)')
        parser.add_argument(
            '--quantity', metavar='<count>', type=int, required=True,
            help='How many instances')
        parser.add_argument(
            '--start', metavar='<time>',
            help='When it starts, in ISO 8601 (default: now)')
        end = parser.add_mutually_exclusive_group(required=True)
        end.add_argument(
            '--duration', metavar='<duration>', type=_common.duration,
            help='How long it lasts: seconds, or like 2h or 1d12h30m')
        end.add_argument(
            '--end', metavar='<time>', help='When it ends, in ISO 8601')
        _template.add_options(parser, new=True)
        selector = parser.add_mutually_exclusive_group(required=True)
        selector.add_argument(
            '--selector-metadata', metavar='<key=value>',
            action=parseractions.KeyValueAction,
            help='The application is the servers with this metadata item')
        selector.add_argument(
            '--selector-server-group', metavar='<server-group-id>',
            help='The application is the members of this server group')
        _policy.add_options(parser)
        return parser

    def take_action(
            self, parsed_args: argparse.Namespace,
    ) -> tuple[Sequence[str], Sequence[Any]]:
        fields: dict[str, Any] = {
            'name': parsed_args.name, 'flavor': parsed_args.flavor,
            'quantity': parsed_args.quantity,
            'template': _template.chosen(parsed_args),
            'selector': _selector(parsed_args)}
        for field, option in (('start_time', 'start'), ('end_time', 'end'),
                              ('duration', 'duration')):
            if getattr(parsed_args, option) is not None:
                fields[field] = getattr(parsed_args, option)
        policy = _policy.chosen(parsed_args)
        if policy:
            fields['policy'] = policy
        client = _common.client_of(self)
        return _details(client.create_reservation(**fields))


def _selector(arguments: argparse.Namespace) -> dict[str, str]:
    if arguments.selector_server_group is not None:
        return {'kind': 'server_group',
                'value': arguments.selector_server_group}
    items = list(arguments.selector_metadata.items())
    if len(items) != 1:
        raise exceptions.CommandError(
            'Give --selector-metadata once: one item selects the '
            'application.')
    (key, value), = items
    return {'kind': 'metadata', 'key': key, 'value': value}


class ListReservations(command.Lister):
    """List reservations"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument(
            '--all-projects', action='store_true',
            help='Those of all projects (admin only)')
        parser.add_argument(
            '--name', metavar='<name>', help='Only those with this name')
        parser.add_argument(
            '--long', action='store_true', help='More columns')
        parser.add_argument(
            '--limit', metavar='<count>', type=int,
            help='At most so many')
        parser.add_argument(
            '--marker', metavar='<token>',
            help='Only those after this one')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> _common.Table:
        query: dict[str, Any] = {
            'name': parsed_args.name, 'marker': parsed_args.marker,
            'max_items': parsed_args.limit,
            'all_projects': parsed_args.all_projects or None}
        found = _common.client_of(self).reservations(**{
            name: value for name, value in query.items()
            if value is not None})
        columns = _LISTED_LONG if parsed_args.long else _LISTED
        return ([title for title, _ in columns],
                [[_value(one, attribute) for _, attribute in columns]
                 for one in found])


class ShowReservation(command.ShowOne):
    """Show a reservation"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        _common.add_reservation(parser)
        return parser

    def take_action(
            self, parsed_args: argparse.Namespace,
    ) -> tuple[Sequence[str], Sequence[Any]]:
        return _details(_common.find(
            _common.client_of(self),
            parsed_args.reservation))


class SetReservation(command.ShowOne):
    """Change a reservation's name, its policy or its template"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        _common.add_reservation(parser)
        parser.add_argument('--name', metavar='<name>', help='New name')
        _template.add_options(parser, new=False)
        _policy.add_options(parser)
        return parser

    def take_action(
            self, parsed_args: argparse.Namespace,
    ) -> tuple[Sequence[str], Sequence[Any]]:
        changes: dict[str, Any] = {}
        if parsed_args.name is not None:
            changes['name'] = parsed_args.name
        policy = _policy.chosen(parsed_args)
        if policy:
            changes['policy'] = policy
        client = _common.client_of(self)
        found = _common.find(client, parsed_args.reservation)
        template = _template.changed(parsed_args, found.template)
        if template is not None:
            changes['template'] = template
        if not changes:
            raise exceptions.CommandError('Say what is to be changed.')
        return _details(client.update_reservation(found.token, **changes))


class DeleteReservation(command.Command):
    """Delete reservations and all that is held for them"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument(
            'reservations', metavar='<reservation>', nargs='+',
            help='Tokens of reservations, or names that no other has')
        parser.add_argument(
            '--wait', action='store_true',
            help='Return when all that was held is gone')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        client = _common.client_of(self)
        failed = 0
        for name in parsed_args.reservations:
            try:
                found = _common.find(client, name)
                client.delete_reservation(found)
                if parsed_args.wait:
                    client.wait_for_delete(found)
            except Exception as error:
                failed += 1
                LOG.error('Could not delete %s: %s', name, error)
        if failed:
            raise exceptions.CommandError(
                f'{failed} of {len(parsed_args.reservations)} reservations '
                f'could not be deleted.')
