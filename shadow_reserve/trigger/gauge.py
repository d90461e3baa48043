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

"""I/O latency as a metric of our own, since Aodh cannot divide two others.

Each reservation has one resource at Gnocchi, in its tenant's project. Its
id is the reservation's token: so the reservation is the intent for it, and
whoever takes the reservation down knows what to delete.
"""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import datetime
from typing import Protocol

from shadow_reserve.records import usage

RESOURCE_TYPE = 'shadow_reserve'
#: Milliseconds that an I/O request took.
IO_LATENCY = 'shadow_reserve.io_latency'

#: Metrics that are kept as finely as alarms look, the most alike first.
_MODELS = ('disk.device.read.latency', 'cpu')
#: Resources in one request.
_PUSHED_AT_ONCE = 500


class Door(Protocol):
    """What is needed of ``cloud.gnocchi.Gnocchi``."""

    def archive_policy_of(self, metric: str) -> str | None: ...

    def push(self, metric: str, archive_policy: str | None,
             measures: Mapping[str, Iterable[tuple[datetime.datetime, float]]]
             ) -> frozenset[str]: ...

    def create_resource(self, kind: str, resource_id: str,
                        project_id: str) -> None: ...

    def delete_resource(self, resource_id: str) -> None: ...


class Gauge:
    """Writes the latencies of reservations to Gnocchi.

    Every method raises ``CloudError``.

    :param archive_policy: of the metric; ``None`` for that of the servers'
        own metrics
    """

    def __init__(self, door: Door, archive_policy: str | None) -> None:
        self._door = door
        self._archive_policy = archive_policy

    def push(self, measures: Mapping[str, Sequence[usage.Measure]],
             projects: Mapping[str, str]) -> None:
        """Write the measures of reservations, by token.

        What was written before is only written again: a later value of an
        interval takes the place of the earlier one.

        :param projects: whose each reservation is
        """
        tokens = sorted(measures)
        for first in range(0, len(tokens), _PUSHED_AT_ONCE):
            self._push({token: measures[token] for token
                        in tokens[first:first + _PUSHED_AT_ONCE]}, projects)

    def _push(self, measures: Mapping[str, Sequence[usage.Measure]],
              projects: Mapping[str, str]) -> None:
        points = {token: [(one.at, one.value) for one in some]
                  for token, some in measures.items()}
        policy = self._policy()
        unknown = self._door.push(IO_LATENCY, policy, points)
        if not unknown:
            return
        for token in sorted(unknown):
            self._door.create_resource(
                RESOURCE_TYPE, token, projects[token])
        self._door.push(IO_LATENCY, policy, points)

    def _policy(self) -> str | None:
        if self._archive_policy is None:
            # It is the same for all of them, and does not change.
            found = (self._door.archive_policy_of(name) for name in _MODELS)
            self._archive_policy = next(filter(None, found), None)
        return self._archive_policy

    def remove(self, token: str) -> None:
        """Delete what was written for a reservation, if anything was."""
        self._door.delete_resource(token)
