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
import datetime
import functools
import logging

import numpy as np

from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve.cloud import nova as cloud_nova
from shadow_reserve.db import demand as db_demand
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.engine import failures as engine_failures
from shadow_reserve.engine import observation
from shadow_reserve.records import demand
from shadow_reserve.records import reservation
from shadow_reserve.records import usage
from shadow_reserve.usage import forecaster as usage_forecaster
from shadow_reserve.usage import series as usage_series
from shadow_reserve.usage import source as usage_source

LOG = logging.getLogger(__name__)

#: Resources that a size is made of: these get a profile in any case.
_ALWAYS = (demand.DemandResource.VCPU, demand.DemandResource.MEMORY)

History = dict[str, list[usage_series.DemandSeries]]


class Forecasting:
    """Reads histories, fits the one model of all of them, writes profiles.

    The model is nothing but a function of the histories: an engine that
    starts without one fits it anew.

    :param failures: its own, since the passes over a reservation may go
        well while its history cannot be read
    :param step: length of the steps of all series
    :param history: how far back to read
    :param peak_window: what the pool is sized for
    :param retrain_interval: after which the model is fitted anew
    """

    def __init__(
            self, database: db_session.Database, nova: cloud_nova.Nova,
            source: usage_source.MetricSource,
            forecaster: usage_forecaster.DemandForecaster,
            failures: engine_failures.Failures, *,
            step: datetime.timedelta, history: datetime.timedelta,
            peak_window: datetime.timedelta,
            retrain_interval: datetime.timedelta) -> None:
        self._database = database
        self._nova = nova
        self._source = source
        self._forecaster = forecaster
        self._failures = failures
        self._step = step
        self._history = history
        self._peak_window = peak_window
        self._retrain_interval = retrain_interval
        self._model: usage_forecaster.FittedModel | None = None
        self._fitted_at: datetime.datetime | None = None
        self._fitted_on: frozenset[str] = frozenset()

    def run(self, now: datetime.datetime,
            done: Callable[[str], None]) -> None:
        """Forecast once for every active reservation.

        :param done: called with each token whose profiles are new
        """
        records = self._database.read(
            lambda session: db_reservations.list_by_status(
                session, [reservation.ReservationStatus.ACTIVE]))
        applications = {
            record.token: application for record in records
            if (application := self._observe(record, now)) is not None}
        found = self._source.histories(
            list(applications.values()), now - self._history, now)
        histories = {
            record.token: series for record in records
            if record.token in applications and (series := self._read(
                record, found[record.token], now)) is not None}
        if not histories:
            return
        model = self._model_for(histories, now)
        for token, series in histories.items():
            profiles = [model.profile(one, self._peak_window)
                        for one in series]
            self._database.write(functools.partial(
                db_demand.replace_profiles, token=token,
                profiles=profiles))
            done(token)

    def _observe(self, record: reservation.ReservationRecord,
                 now: datetime.datetime) -> usage.Application | None:
        try:
            members = self._database.read(
                lambda session: db_shadow.list_instances(
                    session, record.shadow_allocation_id))
            return observation.observe(
                self._nova, record, members).application
        except cloud_exceptions.CloudError as error:
            self._failures.note(record.token, [error], now)
            return None

    def _read(self, record: reservation.ReservationRecord,
              found: usage_source.History, now: datetime.datetime,
              ) -> list[usage_series.DemandSeries] | None:
        if isinstance(found, cloud_exceptions.CloudError):
            self._failures.note(record.token, [found], now)
            return None
        self._failures.forget(record.token)
        return [found.get(resource) or self._empty(record, resource, now)
                for resource in _ALWAYS] + [
            series for resource, series in found.items()
            if resource not in _ALWAYS]

    def _empty(self, record: reservation.ReservationRecord,
               resource: demand.DemandResource,
               now: datetime.datetime) -> usage_series.DemandSeries:
        """What nobody measured yet, so that the profile can say so."""
        return usage_series.DemandSeries(
            token=record.token, resource=resource,
            start=usage_series.floor(now, self._step), step=self._step,
            values=np.empty(0))

    def _model_for(self, histories: History, now: datetime.datetime,
                   ) -> usage_forecaster.FittedModel:
        """The model in use, fitted anew when it is due or when there is
        an application that it has never seen."""
        due = (self._fitted_at is None
               or now - self._fitted_at >= self._retrain_interval
               or not self._fitted_on >= frozenset(histories))
        if self._model is None or due:
            series = [one for each in histories.values() for one in each]
            self._model = self._forecaster.fit(series, seed=0)
            self._fitted_at = now
            self._fitted_on = frozenset(histories)
            LOG.info('Fitted the demand model on %d series of %d '
                     'applications', len(series), len(histories))
        return self._model
