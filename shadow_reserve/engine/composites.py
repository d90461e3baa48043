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

"""The quick way for an alarm over several metrics at once.

Aodh gives no value of them, so they are measured. That takes Gnocchi some
requests, for which no other alarm is to wait: they have threads of their
own. What is decided, and how, is what a pass would do; this only leaves out
what else a pass asks of Nova and Aodh before it.
"""

from collections.abc import Callable
from collections.abc import Sequence
import concurrent.futures
import datetime
import logging
import threading

from shadow_reserve.cloud import aodh as cloud_aodh
from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve.engine import observation
from shadow_reserve.engine import promoter as engine_promoter
from shadow_reserve.engine import scaling as engine_scaling
from shadow_reserve.records import promotion
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.trigger import alarms as trigger_alarms
from shadow_reserve.trigger import rules as trigger_rules

LOG = logging.getLogger(__name__)

#: Applications that are measured beside each other,
_AT_ONCE = 4
#: and those that are or wait for it. One more is left to a pass, as is one
#: that is asked for again meanwhile.
_AT_MOST = 32


class Composites:
    """Measures applications and scales them, a bounded number at a time.

    :param listing: what is known of the servers without asking Nova
    :param wake: called with the token of a reservation that needs a pass
    """

    def __init__(self, aodh: cloud_aodh.Aodh, listing: observation.Listing,
                 scaling: engine_scaling.Scaling,
                 promoter: engine_promoter.Promoter,
                 wake: Callable[[str], None],
                 clock: Callable[[], datetime.datetime]) -> None:
        self._aodh = aodh
        self._listing = listing
        self._scaling = scaling
        self._promoter = promoter
        self._wake = wake
        self._clock = clock
        self._pool = concurrent.futures.ThreadPoolExecutor(
            _AT_ONCE, thread_name_prefix='composite')
        self._lock = threading.Lock()
        self._under_way: set[str] = set()

    def hear(self, record: reservation.ReservationRecord,
             members: Sequence[shadow.ShadowInstance], alarm_id: str,
             signal: promotion.Signal) -> None:
        """Such an alarm is said to have changed its state; does not wait
        for what comes of it.

        :param members: of the reservation's shadow, as just read
        """
        with self._lock:
            is_taken = (record.token not in self._under_way
                        and len(self._under_way) < _AT_MOST)
            if is_taken:
                self._under_way.add(record.token)
        if is_taken:
            self._pool.submit(self._run, record, members, alarm_id, signal)
        else:
            self._wake(record.token)

    def stop(self) -> None:
        """Begin no more: passes see what these would have seen."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, record: reservation.ReservationRecord,
             members: Sequence[shadow.ShadowInstance], alarm_id: str,
             signal: promotion.Signal) -> None:
        is_asked = False
        try:
            if self._scale(record, members, alarm_id, signal):
                is_asked = self._promoter.ask_for(record.token)
        except cloud_exceptions.CloudError as error:
            LOG.info('Reservation %s is left to a pass: %s', record.token,
                     error)
        except Exception:
            LOG.exception('The composite alarm of reservation %s could not '
                          'be acted on', record.token)
        finally:
            with self._lock:
                self._under_way.discard(record.token)
            if not is_asked:
                self._wake(record.token)

    def _scale(self, record: reservation.ReservationRecord,
               members: Sequence[shadow.ShadowInstance], alarm_id: str,
               signal: promotion.Signal) -> bool:
        """:returns: whether members were set in motion"""
        if (record.status_at(self._clock())
                is not reservation.ReservationStatus.ACTIVE):
            return False
        kind = trigger_rules.COMPOSITE
        alarm = self._aodh.get_alarm(alarm_id)
        if alarm is None or not trigger_alarms.stands(
                alarm, record.token, kind):
            return False
        seen = observation.observe(self._listing, record, members)
        return self._scaling.scale(
            record, seen, list(members), {kind: alarm}, signal)
