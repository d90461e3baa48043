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

"""In which tier a member is to wait."""

from collections.abc import Collection
from collections.abc import Sequence

from shadow_reserve.records import holding


def tier_for(mix: Sequence[holding.HoldStep],
             waiting: Collection[holding.Tier]) -> holding.Tier:
    """The first tier of the mix that still lacks a member.

    :param waiting: tiers of the members that are there already
    """
    for step in mix:
        there = sum(1 for tier in waiting if tier is step.tier)
        if step.count is None or there < step.count:
            return step.tier
    return mix[-1].tier
