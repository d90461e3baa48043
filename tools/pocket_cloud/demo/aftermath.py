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


"""What the servers of the application did, as Gnocchi has it."""

import datetime
import itertools

from pocket_cloud.demo import metering
from pocket_cloud.demo import meters
from pocket_cloud.demo import recording
from pocket_cloud.demo import stage as demo_stage


def measured(stage: demo_stage.Stage) -> recording.Points:
    """CPU percent of the servers that were polled, every 30 seconds.

    In the middle of each bucket that was complete when the load ended.
    """
    if not stage.record.live:
        return []
    start = stage.record.live[0].moment
    last = stage.record.live[-1].moment
    length = metering.LIVE_GRANULARITY
    sums: dict[datetime.datetime, list[float]] = {}
    for points in stage.gnocchi.application(start, 'cpu', 'mean').values():
        for (begin, _, before), (stamp, _, value) in itertools.pairwise(
                points):
            whole = stamp + datetime.timedelta(seconds=length) <= last
            if whole and (stamp - begin).total_seconds() == length:
                sums.setdefault(stamp, []).append(
                    100 * (value - before)
                    / (length * stage.size.vcpus * meters.NANOSECONDS))
    half = datetime.timedelta(seconds=length / 2)
    return [(stamp + half, sum(values) / len(values))
            for stamp, values in sorted(sums.items())]
