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

"""``openstack shadow instance ...``"""

import argparse
from collections.abc import Iterable
import sys
from typing import Any

from osc_lib.command import command

from shadow_reserve.client.osc.v1 import _common
from shadow_reserve.client.sdk import shadow_instance as sdk_instance

_COLUMNS = (
    ('Instance ID', 'instance_id'), ('Server ID', 'server_id'),
    ('State', 'state'), ('Tier', 'tier'), ('Since', 'state_since'),
    ('Claim Held', 'claim_held'), ('Reason', 'reason'))
_COLUMNS_LONG = (
    *_COLUMNS, ('Lent At', 'lent_at'), ('Uses', 'uses'), ('Host', 'host'),
    ('Created At', 'created_at'))


def _table(instances: Iterable[sdk_instance.ShadowInstance],
           columns: tuple[tuple[str, str], ...] = _COLUMNS,
           ) -> _common.Table:
    return ([title for title, _ in columns],
            [[getattr(instance, attribute) for _, attribute in columns]
             for instance in instances])


class ListInstances(command.Lister):
    """List the shadow instances of a reservation"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        _common.add_reservation(parser)
        parser.add_argument(
            '--long', action='store_true',
            help='More columns; only an admin is told the host')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> _common.Table:
        client = _common.client_of(self)
        found = _common.find(client, parsed_args.reservation)
        return _table(client.shadow_instances(found),
                      _COLUMNS_LONG if parsed_args.long else _COLUMNS)


_COLUMNS_REHEARSED = (
    'Instance ID', 'Server ID', 'State', 'Tier', 'Claim Held')


class _Move(command.Lister):
    """What promoting and returning have in common."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        _common.add_reservation(parser)
        parser.add_argument(
            '--count', metavar='<count>', type=int,
            help='How many at most (default: 1; with --dry-run, as many as '
                 'the service itself would move now)')
        parser.add_argument(
            '--dry-run', action='store_true',
            help='Only list those that would be moved, in their order, and '
                 'say why on standard error')
        return parser


def _rehearsed(answer: dict[str, Any]) -> _common.Table:
    """Those that would be moved; why, for people only."""
    text = f'Would {answer["action"]} {answer["count"]}'
    if answer['short']:
        text += f' ({answer["short"]} more wanted, but not there)'
    print(f'{text}: {answer["reason"]}', file=sys.stderr)
    decision = answer['decision']
    if decision is not None:
        usage = decision['usage']
        print(f'Looked at: {_figures(usage)} on {usage["members"]} servers '
              f'at {usage["as_of"]}; alarms: '
              f'{", ".join(decision["alarms"]) or "none"}',
              file=sys.stderr)
    names = [name.lower().replace(' ', '_') for name in _COLUMNS_REHEARSED]
    return _COLUMNS_REHEARSED, [
        [row[name] for name in names] for row in answer['instances']]


def _figures(usage: dict[str, Any]) -> str:
    found = (('CPU', 'cpu_percent', '%'), ('memory', 'memory_percent', '%'),
             ('I/O latency', 'io_latency_ms', ' ms'))
    return ', '.join(
        f'{title} {usage[name]:.1f}{unit}' for title, name, unit in found
        if usage[name] is not None) or 'nothing'


class PromoteInstances(_Move):
    """Put shadow instances to use, and list those on their way"""

    def take_action(self, parsed_args: argparse.Namespace) -> _common.Table:
        client = _common.client_of(self)
        found = _common.find(client, parsed_args.reservation)
        if parsed_args.dry_run:
            return _rehearsed(client.rehearse_promotion(
                found, parsed_args.count))
        return _table(client.promote_shadow_instances(
            found, _count(parsed_args)))


class ReturnInstances(_Move):
    """Send shadow instances back, and list those on their way"""

    def take_action(self, parsed_args: argparse.Namespace) -> _common.Table:
        client = _common.client_of(self)
        found = _common.find(client, parsed_args.reservation)
        if parsed_args.dry_run:
            return _rehearsed(client.rehearse_return(
                found, parsed_args.count))
        return _table(client.return_shadow_instances(
            found, _count(parsed_args)))


def _count(parsed_args: argparse.Namespace) -> int:
    return 1 if parsed_args.count is None else parsed_args.count
