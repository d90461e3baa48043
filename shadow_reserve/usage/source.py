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

"""Where usage comes from: the interface of the metric source drivers.

A driver is named by an entry point in the group
``shadow_reserve.metric_source``. What it points to is called as
``factory(session, **options)``, with the options of ``load`` below.
"""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import datetime
from typing import Protocol

from keystoneauth1 import session as ksa_session
from stevedore import driver

from shadow_reserve.cloud import exceptions
from shadow_reserve.records import demand
from shadow_reserve.records import usage
from shadow_reserve.usage import series

NAMESPACE = 'shadow_reserve.metric_source'


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """What is known of one application.

    A resource that nobody measured is not in it. ``lacks`` says what keeps
    it from being all that was asked for, and what to do about that.
    """

    series: Mapping[demand.DemandResource, series.DemandSeries]
    lacks: Sequence[exceptions.CloudError] = ()


#: What the I/O latency of one application was, in milliseconds, the oldest
#: first; intervals without I/O are left out.
Latency = Sequence[usage.Measure] | exceptions.CloudError


class MetricSource(Protocol):
    """Reads what applications used.

    ``live`` raises, and ``histories`` and ``latencies`` answer with,
    ``cloud.exceptions.ServiceUnavailable`` when another try may do, and
    ``CloudError`` with what to do about it when none will.
    """

    def histories(
            self, applications: Collection[usage.Application],
            start: datetime.datetime, stop: datetime.datetime,
            ) -> Mapping[str, History | exceptions.CloudError]:
        """Demand of each application in the complete steps between two
        times, by token; or why it could not be read.

        Nothing is raised: one application must not keep the others. All
        series of an answer have the same grid. What is asked again and
        again, a little later each time, is what a driver should be quick at.
        """

    def live(self, application: usage.Application, now: datetime.datetime,
             *, vcpus: int, memory_mib: int) -> usage.LiveUsage | None:
        """How the application's servers do just now.

        :param vcpus: of a server whose own number was not measured
        :param memory_mib: likewise
        :returns: ``None`` when none of the servers has a recent measure
        """

    def latencies(self, applications: Collection[usage.Application],
                  now: datetime.datetime) -> Mapping[str, Latency]:
        """How long an I/O request took in each of the last few complete
        intervals, by token; nothing is raised.

        It is the mean over the requests of all disks of the servers of
        now. It is asked again and again, for all applications.
        """


def load(name: str, session: ksa_session.Session, *,
         granularity: datetime.timedelta,
         live_granularity: datetime.timedelta,
         concurrency: int,
         region_name: str | None = None,
         interface: str | None = None,
         endpoint_override: str | None = None) -> MetricSource:
    """Make the metric source of that name.

    :param granularity: step of the history
    :param live_granularity: step that ``live`` and ``latencies`` look at
    :param concurrency: how many requests it may make at once
    :raises stevedore.exception.NoMatches: when there is no such driver
    """
    factory: Callable[..., MetricSource] = driver.DriverManager(
        NAMESPACE, name).driver
    return factory(session, granularity=granularity,
                   live_granularity=live_granularity,
                   concurrency=concurrency,
                   region_name=region_name, interface=interface,
                   endpoint_override=endpoint_override)
