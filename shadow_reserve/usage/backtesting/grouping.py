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

"""Series of virtual machines, summed up to applications."""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import re

import numpy as np

from shadow_reserve.usage import series as series_module

#: Steps that a machine is believed to go on without a reading.
BRIDGE = 2


def by_pattern(series: Sequence[series_module.DemandSeries],
               pattern: str) -> dict[str, list[series_module.DemandSeries]]:
    """By what the first group of a regular expression finds in the name.

    Without a group the whole match counts. A name that it does not find
    anything in is an application of its own.

    :raises re.error: when it is no regular expression
    """
    expression = re.compile(pattern)
    result: dict[str, list[series_module.DemandSeries]] = {}
    for one in series:
        found = expression.search(one.token)
        name = one.token
        if found is not None:
            name = found.group(1 if expression.groups else 0) or name
        result.setdefault(name, []).append(one)
    return result


def by_number(series: Sequence[series_module.DemandSeries], members: int,
              seed: int) -> dict[str, list[series_module.DemandSeries]]:
    """So many to an application, drawn at random; the last may have fewer.
    """
    order = np.random.default_rng(seed).permutation(len(series))
    return {f'application {1 + first // members}': [
        series[row] for row in order[first:first + members]]
        for first in range(0, len(series), members)}


def summed(groups: Mapping[str, Sequence[series_module.DemandSeries]]
           ) -> list[series_module.DemandSeries]:
    """One series a group: the sum over members that come and go.

    All series must be on one grid, as those of a file are.
    """
    result = []
    for name, members in groups.items():
        rows = [series_module.bridged(one.values, BRIDGE)
                for one in members]
        result.append(dataclasses.replace(
            members[0], token=name,
            values=series_module.total(rows, len(rows[0]))))
    return result
