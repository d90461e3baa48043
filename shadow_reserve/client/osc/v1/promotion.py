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

"""``openstack shadow promotion ...``"""

import argparse
from typing import Any

from osc_lib.command import command

from shadow_reserve.client.osc.v1 import _common

#: The parts of a promotion, and what their columns are called.
_LEGS = {
    'signalled_to_heard': 'To Heard (s)',
    'heard_to_claimed': 'To Claimed (s)',
    'claimed_to_requested': 'To Requested (s)',
    'requested_to_active': 'To Active (s)',
    'active_to_joined': 'To Joined (s)',
}
_TIMES = {
    'signalled_at': 'Signalled At', 'heard_at': 'Heard At',
    'requested_at': 'Requested At', 'active_at': 'Active At',
    'joined_at': 'Joined At', 'ended_at': 'Ended At',
}


class ListPromotions(command.Lister):
    """List the promotions of a reservation, and how long each part took"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        _common.add_reservation(parser)
        _common.add_paging(parser, 'promotions')
        parser.add_argument(
            '--long', action='store_true',
            help='Also the tier, the server, all times, the reason, and '
                 'whether one ahead of the alarm was useful')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> _common.Table:
        client = _common.client_of(self)
        found = _common.find(client, parsed_args.reservation)
        titles = ['Sequence', 'Claimed At', 'Source', 'Metric', 'Instance',
                  *_LEGS.values(), 'Outcome']
        if parsed_args.long:
            titles += ['Tier', 'Server', *_TIMES.values(), 'Reason',
                       'Useful']
        rows: list[list[Any]] = []
        for one in client.promotions(found, **_common.paging(parsed_args)):
            rows.append([
                one.sequence, one.claimed_at, one.source, one.metric,
                one.instance_id, *(one.legs.get(name) for name in _LEGS),
                one.outcome])
            if parsed_args.long:
                rows[-1] += [
                    one.tier, one.server_id,
                    *(getattr(one, name) for name in _TIMES),
                    one.reason, one.useful]
        return titles, rows
