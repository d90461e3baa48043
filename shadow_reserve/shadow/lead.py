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

"""How long a build takes here, from those that were made."""

from collections.abc import Collection
import datetime

#: Of a hundred builds, so many are done by the lead time.
_PERCENT = 90
#: Fewer builds say too little.
_ENOUGH = 5


def lead_time(builds: Collection[datetime.timedelta],
              default: datetime.timedelta,
              longest: datetime.timedelta) -> datetime.timedelta:
    """The time by which nearly all builds were done.

    :param builds: how long the latest ones took, in any order
    :param default: for as long as there were too few
    :param longest: bounds it: what takes longer is given up
    """
    if len(builds) < _ENOUGH:
        return min(default, longest)
    rank = -(-len(builds) * _PERCENT // 100)
    return min(sorted(builds)[rank - 1], longest)
