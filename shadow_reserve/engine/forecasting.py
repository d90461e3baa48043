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

"""Keeps the demand profiles of all active reservations fresh."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses
import datetime
import functools
import itertools

import numpy as np

from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve.db import demand as db_demand
from shadow_reserve.db import session as db_session
from shadow_reserve.engine import due
from shadow_reserve.engine import failures as engine_failures
from shadow_reserve.engine import known as engine_known
from shadow_reserve.engine import model_keeper
from shadow_reserve.engine import observation
from shadow_reserve.records import demand
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.records import usage
from shadow_reserve.usage import memory
from shadow_reserve.usage import series as usage_series
from shadow_reserve.usage import source as usage_source

#: Resources that a size is made of: these get a profile in any case.
_ALWAYS = (demand.DemandResource.VCPU, demand.DemandResource.MEMORY)
#: Of the last hours' steps, to score what was done in them.
_READINGS = 24
#: Steps that may be looked at before the next forecast, and to spare.
_STEPS = 24


class Forecasting:
    """Reads histories, forecasts with the model that serves, writes profiles.

    :param failures: its own, since the passes over a reservation may go
        well while its history cannot be read
    :param keeper: of the one model of all applications
    :param step: length of the steps of all series
    :param history: how far back to read
    """

    def __init__(
            self, database: db_session.Database,
            known: engine_known.Known, listing: observation.Listing,
            source: usage_source.MetricSource,
            keeper: model_keeper.ModelKeeper,
            failures: engine_failures.Failures, *,
            step: datetime.timedelta, history: datetime.timedelta) -> None:
        self._database = database
        self._known = known
        self._listing = listing
        self._source = source
        self._keeper = keeper
        self._failures = failures
        self._step = step
        self._history = history
        self._memory = memory.Memory()

    def run(self, now: datetime.datetime,
            done: Callable[[str, due.Outlook], None]) -> None:
        """Forecast once for every active reservation.

        :param done: called with each token whose profiles are new, and
            what they come to
        """
        everything = self._known.read()
        records = sorted(
            (record for record in everything.records.values() if
             record.status is reservation.ReservationStatus.ACTIVE),
            key=lambda record: (record.created_at, record.token))
        applications = {
            record.token: application for record in records
            if (application := self._observe(
                record, everything.members_of(record), now)) is not None}
        # Whole steps, or there would be one too few.
        stop = usage_series.floor(now, self._step)
        found = self._source.histories(
            list(applications.values()), stop - self._history, stop)
        histories = {
            record.token: series for record in records
            if record.token in applications and (series := self._read(
                record, found[record.token], now)) is not None}
        if not histories:
            return
        looks_ahead = {record.token for record in records
                       if record.policy.promote_ahead is not None}
        served = self._keeper.served()
        series = [one for each in histories.values() for one in each]
        profiles = (_of_version(profile, served) for profile in
                    served.fitted.profiles(
                        series, self._memory.of(series, served.fitted)))
        for token, each in histories.items():
            # As many as there are series, which come in the same order.
            own = list(itertools.islice(profiles, len(each)))
            self._database.write(functools.partial(
                db_demand.replace_profiles, token=token, profiles=own))
            done(token, due.Outlook(
                profiles=tuple(dataclasses.replace(profile, quantiles=())
                               for profile in own),
                recent=_latest_readings(each),
                near=_near(own) if token in looks_ahead else ()))
        self._keeper.consider(series, now)

    def _observe(self, record: reservation.ReservationRecord,
                 members: Sequence[shadow.ShadowInstance],
                 now: datetime.datetime) -> usage.Application | None:
        try:
            return observation.observe(
                self._listing, record, members).application
        except cloud_exceptions.CloudError as error:
            self._failures.note(record.token, [error], now)
            return None

    def _read(self, record: reservation.ReservationRecord,
              found: usage_source.History | cloud_exceptions.CloudError,
              now: datetime.datetime,
              ) -> list[usage_series.DemandSeries] | None:
        if isinstance(found, cloud_exceptions.CloudError):
            self._failures.note(record.token, [found], now)
            return None
        self._failures.limited(record.token, found.lacks, now)
        return [found.series.get(resource)
                or self._empty(record, resource, now)
                for resource in _ALWAYS] + [
            series for resource, series in found.series.items()
            if resource not in _ALWAYS]

    def _empty(self, record: reservation.ReservationRecord,
               resource: demand.DemandResource,
               now: datetime.datetime) -> usage_series.DemandSeries:
        """What nobody measured yet, so that the profile can say so."""
        return usage_series.DemandSeries(
            token=record.token, resource=resource,
            start=usage_series.floor(now, self._step), step=self._step,
            values=np.empty(0))


def _latest_readings(
        series: Iterable[usage_series.DemandSeries],
        ) -> tuple[demand.Readings, ...]:
    def of(one: usage_series.DemandSeries) -> demand.Readings:
        count = min(len(one.values), _READINGS)
        return demand.Readings(
            resource=one.resource, start=one.end - count * one.step,
            step=one.step, values=tuple(
                float(value) if np.isfinite(value) else None
                for value in one.values[len(one.values) - count:]))
    return tuple(of(one) for one in series if one.resource in _ALWAYS)


def _near(profiles: Iterable[demand.DemandProfile],
          ) -> tuple[demand.DemandProfile, ...]:
    return tuple(
        dataclasses.replace(profile, quantiles=profile.quantiles[:_STEPS])
        for profile in profiles if profile.resource in _ALWAYS)


def _of_version(profile: demand.DemandProfile,
                served: model_keeper.Served) -> demand.DemandProfile:
    """Say which model it was, where it was not the experts' mix."""
    if (served.record is None or profile.provenance.model
            is not demand.ForecastModel.GRADIENT_BOOSTING):
        return profile
    return dataclasses.replace(profile, provenance=dataclasses.replace(
        profile.provenance, model_version=served.record.version))
