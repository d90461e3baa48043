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


"""What the report shows beside the steps, read when they are over."""

import datetime
import itertools

from pocket_cloud.demo import metering
from pocket_cloud.demo import meters
from pocket_cloud.demo import recording
from pocket_cloud.demo import stage as demo_stage


def measured(stage: demo_stage.Stage) -> recording.Points:
    """CPU percent of the servers that were polled, every 30 seconds.

    From the middle of one bucket to that of the next, so what is between
    them is its time; only buckets that were complete at the end.
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
    return [(stamp, sum(values) / len(values))
            for stamp, values in sorted(sums.items())]


def alarm_states(stage: demo_stage.Stage) -> recording.States:
    """What the alarm on CPU has been through, out of Aodh's history."""
    alarms = stage.reading.alarms(stage.token) if stage.token else []
    return [(one.happened_at, one.state)
            for one in stage.reading.transitions(alarms[0].alarm_id)
            ] if alarms else []
