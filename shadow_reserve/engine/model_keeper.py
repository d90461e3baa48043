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

"""The learned model that all engines forecast with, and what comes next."""

from collections.abc import Sequence
import dataclasses
import datetime
import enum
import functools
import logging
from typing import Any

from shadow_reserve.db import demand_models as db_demand_models
from shadow_reserve.db import session as db_session
from shadow_reserve import exceptions
from shadow_reserve.records import demand_model
from shadow_reserve.usage import forecaster as usage_forecaster
from shadow_reserve.usage import model as usage_model
from shadow_reserve.usage import series as usage_series
from shadow_reserve.usage import storing

LOG = logging.getLogger(__name__)

#: Between two looks at whether the model has drifted, and between two
#: attempts to learn where there was nothing to learn.
LOOK_INTERVAL = datetime.timedelta(days=1)
#: The model has drifted when what it is worth beside the experts' mix is
#: worse than at its acceptance by this factor. Its score alone does not
#: tell: when demand becomes harder to forecast, it does so for any model.
DRIFT = 1.1


class Reason(enum.StrEnum):
    """Why a model is fitted."""

    FIRST = 'first'
    WEEKLY = 'weekly'
    DRIFT = 'drift'
    #: The one that should serve cannot be read.
    UNREADABLE = 'unreadable'


@dataclasses.dataclass(frozen=True, slots=True)
class Served:
    """What an engine forecasts with.

    :param record: of the model that should serve; ``None`` without one
    :param fitted: that model; or the experts' mix, where there is none or
        where it cannot be read
    """

    record: demand_model.DemandModel | None
    fitted: usage_forecaster.FittedModel

    @property
    def is_unreadable(self) -> bool:
        return self.record is not None and self.fitted.learned is None

    @property
    def version(self) -> int | None:
        return None if self.record is None else self.record.version


class ModelKeeper:
    """Loads the model that serves, and fits another when one is due.

    All that is remembered here can be read or fitted again.

    :param retrain_interval: after which a model is fitted anew
    """

    def __init__(self, database: db_session.Database,
                 forecaster: usage_forecaster.DemandForecaster,
                 retrain_interval: datetime.timedelta) -> None:
        self._database = database
        self._forecaster = forecaster
        self._retrain_interval = retrain_interval
        self._served = Served(None, usage_forecaster.FittedModel(
            forecaster.settings, None))
        self._looked_at: datetime.datetime | None = None
        self._in_vain_at: datetime.datetime | None = None

    def served(self) -> Served:
        """What serves now: its ``fitted`` is the same object as long as
        the model is the same."""
        record = self._database.read(db_demand_models.serving)
        if _identity(record) == _identity(self._served.record):
            # The same model; it may have been away in between.
            if record != self._served.record:
                self._served = Served(record, self._served.fitted)
            return self._served
        self._served = Served(record, usage_forecaster.FittedModel(
            self._forecaster.settings,
            None if record is None else self._loaded(record.version)))
        return self._served

    def consider(self, series: Sequence[usage_series.DemandSeries],
                 now: datetime.datetime) -> None:
        """Fit a model if one is due; it serves if it does no worse.

        That takes up to a minute, in one engine, so it comes after the
        forecasts. The others go on with what they have.

        :param series: histories to learn from
        """
        able = [one for one in series if one.points
                >= self._forecaster.settings.learning_points]
        if not able:
            return
        served = self.served()
        reason = self._due(served, able, now)
        if reason is None:
            return
        made_from = {
            'reason': reason.value, 'series': len(able),
            'training_end': max(one.end for one in able).isoformat()}
        version = self._database.write(
            lambda session: db_demand_models.claim(session, now, made_from))
        if version is None:
            return
        LOG.info('Fitting demand model %d on %d series: %s',
                 version, len(able), reason.value)
        try:
            self._try(version, served, able, now)
        except exceptions.ModelReplaced as error:
            LOG.info('%s', error)
        finally:
            # Only what is still a candidate.
            self._database.write(lambda session: db_demand_models.release(
                session, version))

    def _loaded(self, version: int) -> usage_model.Learned | None:
        stored = self._database.read(
            lambda session: db_demand_models.stored(session, version))
        try:
            if stored is None:
                raise storing.ForeignModel('its bytes are gone')
            learned = storing.loaded(stored, self._forecaster.settings)
        except storing.ForeignModel as error:
            LOG.warning('Demand model %d does not serve: %s. The mix of '
                        'experts does until another model is fitted.',
                        version, error)
            return None
        LOG.info('Demand model %d serves', version)
        return learned

    def _due(self, served: Served,
             series: Sequence[usage_series.DemandSeries],
             now: datetime.datetime) -> Reason | None:
        if served.record is None or served.is_unreadable:
            if _is_lately(self._in_vain_at, now) or _is_answer(
                    served.record, now):
                return None
            return (Reason.FIRST if served.record is None
                    else Reason.UNREADABLE)
        latest = self._last_decided(served.record)
        if now - latest.since >= self._retrain_interval:
            return Reason.WEEKLY
        # Neither what has just been found to be no better nor what an
        # operator has just turned away is asked for again so soon.
        if (latest is not served.record or latest.was_rolled_back_to
                or _is_lately(self._looked_at, now)):
            return None
        self._looked_at = now
        return (Reason.DRIFT if self._has_drifted(served, series)
                else None)

    def _last_decided(self, record: demand_model.DemandModel,
                      ) -> demand_model.DemandModel:
        rejected = [
            one for one in self._database.read(db_demand_models.list_models)
            if one.state is demand_model.ModelState.REJECTED]
        return max([record, *rejected], key=lambda one: one.since)

    def _has_drifted(self, served: Served,
                     series: Sequence[usage_series.DemandSeries]) -> bool:
        assert served.record is not None
        then = _worth(served.record.scores.get('learned'),
                      served.record.scores.get('mix'))
        scores = served.fitted.scores(series)
        now = _worth(scores.learned, scores.mix)
        if then is None or now is None or now <= DRIFT * then:
            return False
        LOG.warning(
            'Demand model %d has drifted: its score is %.3f of that of the '
            'mix of experts, and was %.3f', served.record.version, now, then)
        return True

    def _try(self, version: int, served: Served,
             series: Sequence[usage_series.DemandSeries],
             now: datetime.datetime) -> None:
        """:raises ModelReplaced: when another came to serve meanwhile"""
        candidate = self._forecaster.fit(series, seed=0)
        if candidate.learned is None:
            self._in_vain_at = now
            LOG.info('There is nothing to learn a demand model from yet')
            return
        ours = candidate.scores(series)
        scores: dict[str, Any] = dataclasses.asdict(ours)
        if served.record is not None and not served.is_unreadable:
            theirs = served.fitted.scores(series).learned
            scores['serving'] = theirs
            if (ours.learned is not None and theirs is not None
                    and ours.learned > theirs):
                self._database.write(functools.partial(
                    db_demand_models.reject, version=version, now=now,
                    scores=scores))
                LOG.warning(
                    'Demand model %d is rejected: its score is %.4f, that '
                    'of version %d, which goes on, is %.4f', version,
                    ours.learned, served.record.version, theirs)
                return
        self._database.write(functools.partial(
            db_demand_models.accept, version=version, now=now,
            scores=scores, model=storing.dumped(
                candidate.learned, self._forecaster.settings),
            instead_of=served.version))
        LOG.info('Demand model %d is accepted: of its scores, %s, lower '
                 'ones are better', version, scores)


def _identity(record: demand_model.DemandModel | None,
              ) -> tuple[int, datetime.datetime] | None:
    """A table that was lost begins its versions anew."""
    return None if record is None else (record.version, record.created_at)


def _is_answer(record: demand_model.DemandModel | None,
               now: datetime.datetime) -> bool:
    """Whether another engine has just fitted it in place of one that it
    could not read. To answer that would have two engines of different
    releases take turns at each pass."""
    return (record is not None
            and record.made_from.get('reason') == Reason.UNREADABLE
            and _is_lately(record.since, now))


def _is_lately(time: datetime.datetime | None,
               now: datetime.datetime) -> bool:
    return time is not None and now - time < LOOK_INTERVAL


def _worth(learned: float | None, mix: float | None) -> float | None:
    """How a model does beside the mix: lower is better."""
    if learned is None or mix is None or mix <= 0:
        return None
    return learned / mix
