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

"""Options for the fields of a reservation's policy."""

import argparse
from typing import Any

from shadow_reserve.client.osc.v1 import _common

#: Field, type, name of the value, help.
_FIELDS: tuple[tuple[str, Any, str, str], ...] = (
    ('service_level', float, '<share>',
     'Share of time in which the capacity is meant to suffice, 0.95 for '
     '95 %%'),
    ('safety_margin', float, '<share>',
     'Share that is added on top of the forecast, 0.2 for 20 %%'),
    ('target_utilisation', float, '<share>',
     'Share of an instance that is meant to be busy, 0.6 for 60 %%'),
    ('minimum_shadow', int, '<count>',
     'Shadow instances to hold at least'),
    ('maximum_shadow', int, '<count>',
     'Shadow instances to hold at most'),
    ('cpu_threshold', float, '<percent>',
     'CPU utilisation above which shadow is promoted'),
    ('memory_threshold', float, '<percent>',
     'Memory pressure above which shadow is promoted'),
    ('io_latency_threshold', float, '<milliseconds>',
     'I/O latency above which shadow is promoted'),
    ('scale_in_threshold', float, '<percent>',
     'Utilisation under which shadow goes back into the pool'),
    ('cooldown', _common.duration, '<duration>',
     'Time between a change and going back: seconds, or like 15m'),
    ('maximum_extension', float, '<share>',
     'Share of the duration by which use of shadow may prolong the lease'),
    ('priority', int, '<number>',
     'From 0 to 100; where the cloud needs room, idle shadow of low '
     'priority is given back first'),
)

_TIERS = ('suspended', 'shelved', 'stopped', 'offloaded')


def _hold_step(text: str) -> dict[str, Any]:
    """``shelved=2``: two in that tier; ``offloaded``: the rest."""
    tier, _, count = text.partition('=')
    if tier not in _TIERS or (count and not count.isdecimal()):
        raise argparse.ArgumentTypeError(
            f'{text!r} is not one of {", ".join(_TIERS)}, with =<count> '
            f'for a part of the mix')
    return {'tier': tier, 'count': int(count) if count else None}


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--mode', choices=('forecast_only', 'active'),
        help='forecast_only says what it would do, active does it')
    for field, kind, metavar, text in _FIELDS:
        parser.add_argument(f'--{field.replace("_", "-")}', type=kind,
                            metavar=metavar, help=text)
    parser.add_argument(
        '--hold', type=_hold_step, action='append',
        metavar='<tier>[=<count>]',
        help=f'How shadow instances wait: {", ".join(_TIERS)}; with a '
             f'count for so many of them, the last one without for the '
             f'rest (repeat for a mix)')
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument(
        '--budget', metavar='<amount>',
        help='Most that shadow may cost in all')
    budget.add_argument(
        '--no-budget', action='store_true',
        help='Let shadow cost what it costs')


def chosen(arguments: argparse.Namespace) -> dict[str, Any]:
    """The fields for which an option was given."""
    names = ('mode', *(field for field, *_ in _FIELDS), 'hold', 'budget')
    policy = {name: getattr(arguments, name) for name in names
              if getattr(arguments, name) is not None}
    if arguments.no_budget:
        policy['budget'] = None
    return policy
