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

"""``openstack shadow forecast ...``"""

import argparse
import datetime
from typing import Any

from osc_lib.command import command

from shadow_reserve.client.osc.v1 import _common

#: Hours ahead that are shown when nobody asks for all steps.
_HOURS = (1, 3, 6, 12, 24)


class ShowForecast(command.Lister):
    """Show what a reservation's application is expected to need

    For each resource, the first row is the peak of the time that the
    shadow is sized for; the others are single steps of the forecast. A
    forecast is stale when its latest reading is more than an hour older
    than its start.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        _common.add_reservation(parser)
        parser.add_argument(
            '--all-steps', action='store_true',
            help='Show every step up to the horizon')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> _common.Table:
        client = _common.client_of(self)
        found = _common.find(client, parsed_args.reservation)
        profiles = client.get_forecast(found).profiles
        levels = sorted({level for profile in profiles
                         for level in profile['levels']})
        titles = ['Resource', 'From', 'Length (s)',
                  *(f'P{level * 100:g}' for level in levels),
                  'Latest Reading', 'Made From']
        return titles, [
            row for profile in profiles
            for row in _rows(profile, levels, parsed_args.all_steps)]


def _rows(profile: dict[str, Any], levels: list[float],
          all_steps: bool) -> list[list[Any]]:
    origin = profile['origin']
    rows = [[profile['resource'], origin, profile['peak_window'],
             *_values(profile, profile['window_peak'], levels),
             profile['provenance']['latest_reading'],
             profile['provenance']['summary']]]
    for index in _steps(profile, all_steps):
        start = datetime.datetime.fromisoformat(
            origin) + datetime.timedelta(seconds=index * profile['step'])
        rows.append([
            profile['resource'], start.isoformat().replace('+00:00', 'Z'),
            profile['step'],
            *_values(profile, profile['quantiles'][index], levels), '', ''])
    return rows


def _values(profile: dict[str, Any], values: list[float],
            levels: list[float]) -> list[float | None]:
    """Columns; a profile does not have to have every level."""
    known = dict(zip(profile['levels'], values))
    return [round(known[level], 3) if level in known else None
            for level in levels]


def _steps(profile: dict[str, Any], all_steps: bool) -> list[int]:
    count = len(profile['quantiles'])
    if all_steps or not count:
        return list(range(count))
    wanted = {0, *(int(hours * 3600 // profile['step']) - 1
                   for hours in _HOURS)}
    return sorted(index for index in wanted if 0 <= index < count)
