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

"""``openstack shadow ledger ...``"""

import argparse
from typing import Any

from osc_lib.command import command

from shadow_reserve.client.osc.v1 import _common


class ListLedgerEntries(command.Lister):
    """List what a reservation was charged and extended for"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        _common.add_reservation(parser)
        _common.add_paging(parser, 'entries')
        parser.add_argument(
            '--long', action='store_true',
            help='Also the inputs that the amount was worked out from')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> _common.Table:
        client = _common.client_of(self)
        found = _common.find(client, parsed_args.reservation)
        titles = ['Sequence', 'Kind', 'Period Start', 'Period End',
                  'Amount', 'Extension (s)', 'Rule']
        rows: list[list[Any]] = []
        for entry in client.ledger_entries(
                found, **_common.paging(parsed_args)):
            rows.append([
                entry.sequence, entry.kind, entry.period_start,
                entry.period_end, entry.amount, entry.extension,
                entry.rule])
            if parsed_args.long:
                rows[-1].append(_common.Fields(entry.inputs))
        return titles + (['Inputs'] if parsed_args.long else []), rows
