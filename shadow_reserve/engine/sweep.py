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

"""Finds what no record stands behind, and takes it away.

An engine or API process that dies between a request and writing down its
answer leaves a server, claim, trust or alarm that nothing points to. All
of them say whose they are, so they can be found. A sweep is an audit that
mends what may be mended without being asked.
"""

import datetime
import logging

from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve.engine import audit
from shadow_reserve.engine import findings
from shadow_reserve.engine import inspection as engine_inspection
from shadow_reserve import exceptions

LOG = logging.getLogger(__name__)


class Sweep:
    """One search after another for what was left behind.

    :param grace: for how long something must have been seen without a
        record before it goes; a record may be on its way
    """

    def __init__(self, inspector: engine_inspection.Inspector,
                 grace: datetime.timedelta) -> None:
        self._inspector = inspector
        self._watch = findings.Watch(grace)

    def run(self, now: datetime.datetime) -> None:
        """A service that is down does not keep the others."""
        facts, failures = self._inspector.glance()
        for error in failures:
            LOG.warning('%s; it is swept later', error)
        found = [finding for finding in audit.find(facts)
                 if finding.kind in findings.ALONE]
        for finding in self._watch.believed(found, now):
            try:
                self._inspector.mend(finding, now)
            except (cloud_exceptions.CloudError,
                    exceptions.ConcurrentUpdate) as error:
                LOG.warning('%s, but it could not be mended: %s',
                            finding.message, error)
