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

"""Aodh: the alarms that the service makes for its reservations."""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
import dataclasses
import datetime
import enum
import json
from typing import Any
from typing import ClassVar

from keystoneauth1 import adapter

from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import rest

#: While Aodh makes up a page, which takes it a quarter of a millisecond for
#: each alarm, those that are to be read back wait.
_PER_PAGE = 200
#: Alarms that may go while they are listed; Aodh calls that an error of
#: its own.
_LOST_MARKERS = 3

#: What we want of an alarm beside its name and rule: no action of
#: anybody's, and no time of the day at which it sleeps.
_PLAIN: Mapping[str, Any] = {
    'enabled': True, 'repeat_actions': False, 'severity': 'low',
    'alarm_actions': [], 'ok_actions': [], 'insufficient_data_actions': [],
    'time_constraints': []}
_SETTINGS = frozenset(_PLAIN) - {'enabled'} | {'description', 'type'}


class Comparison(enum.StrEnum):
    OVER = 'gt'
    UNDER = 'lt'


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _ThresholdRule:
    """One metric against a threshold, in the unit of its aggregate."""

    metric: str
    aggregation_method: str
    threshold: float
    granularity: int
    evaluation_periods: int
    comparison: Comparison = Comparison.OVER

    def to_body(self) -> dict[str, Any]:
        return {
            'metric': self.metric,
            'aggregation_method': self.aggregation_method,
            'threshold': self.threshold, 'granularity': self.granularity,
            'evaluation_periods': self.evaluation_periods,
            'comparison_operator': self.comparison.value}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class AggregationRule(_ThresholdRule):
    """The metric aggregated over the servers that a query finds.

    ``query`` is Gnocchi's search, as JSON text.
    """

    type: ClassVar[str] = 'gnocchi_aggregation_by_resources_threshold'
    query: str

    def to_body(self) -> dict[str, Any]:
        return {**_ThresholdRule.to_body(self), 'query': self.query,
                'resource_type': 'instance'}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ResourceRule(_ThresholdRule):
    """The metric of one resource."""

    type: ClassVar[str] = 'gnocchi_resources_threshold'
    resource_id: str
    resource_type: str

    def to_body(self) -> dict[str, Any]:
        return {**_ThresholdRule.to_body(self),
                'resource_id': self.resource_id,
                'resource_type': self.resource_type}


ThresholdRule = AggregationRule | ResourceRule


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class CompositeRule:
    """Several rules, all of them or any of them."""

    type: ClassVar[str] = 'composite'
    every: bool
    parts: 'tuple[ThresholdRule | CompositeRule, ...]'

    def to_body(self) -> dict[str, Any]:
        return {'and' if self.every else 'or': [
            part.to_body() if isinstance(part, CompositeRule)
            else {**part.to_body(), 'type': part.type}
            for part in self.parts]}


Rule = ThresholdRule | CompositeRule


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Definition:
    """An alarm as it should be."""

    name: str
    description: str
    rule: Rule

    def to_body(self) -> dict[str, Any]:
        """Everything is said, so that an update undoes every edit."""
        return {**_PLAIN, 'name': self.name,
                'description': self.description, 'type': self.rule.type,
                f'{self.rule.type}_rule': self.rule.to_body()}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Alarm:
    """An alarm as Aodh has it.

    ``state_changed_at`` is the time Aodh gives for the last change of its
    state, word for word, and ``reason`` what it says of it.
    ``evaluated_at`` is when an evaluator last took it up, and
    ``changed_at`` when it was last written over the API. An evaluator that
    is coordinated with others leaves ``evaluated_at`` as the API wrote it.
    ``settings`` is all the rest that can be set.
    """

    alarm_id: str
    name: str
    state: str
    enabled: bool
    rule: dict[str, Any]
    state_changed_at: str | None = None
    reason: str = ''
    evaluated_at: datetime.datetime | None = None
    changed_at: datetime.datetime | None = None
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def is_as(self, wanted: Definition) -> bool:
        """Whether it is as it should be, whoever had a hand in it."""
        body = wanted.to_body()
        rule = body.pop(f'{wanted.rule.type}_rule')
        name, enabled = body.pop('name'), body.pop('enabled')
        # Evaluators pass over one of which it is not known when it was
        # last evaluated.
        return (self.evaluated_at is not None
                and self.name == name and self.enabled is enabled
                and all(self.settings.get(key) == value
                        for key, value in body.items())
                and _says(rule, self.rule))


class Aodh:
    """Alarms in the service's own project: tenants cannot reach them."""

    def __init__(self, alarming: adapter.Adapter) -> None:
        self._alarming = alarming

    def list_alarms(self, state: str | None = None,
                    after_page: Callable[[], None] = lambda: None,
                    ) -> list[Alarm]:
        """The service's alarms: all, or those in one state.

        :param after_page: called before the next page is asked for
        """
        project_id = self._alarming.get_project_id()
        query = [('q.field', 'project_id'), ('q.value', project_id)]
        if state is not None:
            query += [('q.field', 'state'), ('q.value', state)]
        # Aodh sets no bound to a page by itself. Ids do not change, so
        # that none is passed over while others come and go.
        query += [('sort', 'alarm_id'), ('limit', str(_PER_PAGE))]
        found: list[Alarm] = []
        lost = 0
        while True:
            marker = [('marker', found[-1].alarm_id)] if found else []
            try:
                rows = self._request(
                    'GET', '/v2/alarms', params=query + marker).json()
            except exceptions.CloudError:
                # Perhaps it was deleted since that page: then the one
                # before it marks as well.
                lost += 1
                if not found or lost > _LOST_MARKERS:
                    raise
                found.pop()
                continue
            found += [_to_alarm(row) for row in rows]
            if len(rows) < _PER_PAGE:
                return found
            after_page()

    def get_alarms(self, alarm_ids: Collection[str],
                   patience: float | None = None) -> dict[str, Alarm]:
        """The service's alarms of these ids that are there, by id.

        It is one request. For one alarm that is a plain one, which takes
        Aodh half as long as a search; a search for eight takes it a third
        of what eight plain ones do.

        :param patience: seconds to wait for an answer, if not as long as
            for others
        """
        limit = {} if patience is None else {'timeout': patience}
        if len(alarm_ids) != 1:
            return {alarm.alarm_id: alarm for alarm in self._search(
                'alarm_id', alarm_ids, **limit)}
        [alarm_id] = alarm_ids
        try:
            response = self._request(
                'GET', f'/v2/alarms/{alarm_id}', **limit)
        except exceptions.NotFound:
            return {}
        return {alarm_id: _to_alarm(response.json())}

    def find_alarms(self, names: Collection[str]) -> list[Alarm]:
        """The service's alarms of these names.

        It is one request, in which Aodh looks at all alarms, having no
        index of names: some by their ids are had for less.
        """
        return self._search('name', names)

    def _search(self, field: str, values: Collection[str],
                **limit: float) -> list[Alarm]:
        if not values:
            return []
        query = {'and': [
            {'=': {'project_id': self._alarming.get_project_id()}},
            {'in': {field: sorted(values)}}]}
        rows = self._request('POST', '/v2/query/alarms', json={
            'filter': json.dumps(query)}, **limit).json()
        return [_to_alarm(row) for row in rows]

    def create_alarm(self, wanted: Definition) -> str:
        """:returns: the alarm's id"""
        response = self._request(
            'POST', '/v2/alarms', json=wanted.to_body())
        return str(response.json()['alarm_id'])

    def update_alarm(self, alarm_id: str, wanted: Definition) -> None:
        # Aodh would forget when it last evaluated the alarm, and its
        # evaluators pass over one of which that is not known.
        now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
        self._request('PUT', f'/v2/alarms/{alarm_id}', json={
            **wanted.to_body(),
            'evaluate_timestamp': now.isoformat(timespec='seconds')})

    def delete_alarm(self, alarm_id: str) -> None:
        try:
            self._request('DELETE', f'/v2/alarms/{alarm_id}')
        except exceptions.NotFound:
            pass

    def _request(self, method: str, path: str, **kwargs: Any) -> Any:
        return rest.request(self._alarming, 'aodh', method, path, **kwargs)


def _says(wanted: Any, there: Any) -> bool:
    """Whether a rule says all that another one does."""
    match wanted:
        case dict():
            return isinstance(there, dict) and all(
                _is_same_json(there.get(key), value) if key == 'query'
                else key in there and _says(value, there[key])
                for key, value in wanted.items())
        case list():
            return (isinstance(there, list) and len(wanted) == len(there)
                    and all(map(_says, wanted, there)))
    return bool(wanted == there)


def _is_same_json(one: Any, other: str) -> bool:
    if one == other:
        return True
    try:
        return bool(json.loads(one) == json.loads(other))
    except (ValueError, TypeError):
        return False


def _to_alarm(row: dict[str, Any]) -> Alarm:
    kind = row.get('type')
    return Alarm(alarm_id=row['alarm_id'], name=row['name'],
                 state=row['state'], enabled=row['enabled'],
                 rule=row.get(f'{kind}_rule') or {},
                 state_changed_at=row.get('state_timestamp'),
                 reason=row.get('state_reason') or '',
                 evaluated_at=_time_of(row.get('evaluate_timestamp')),
                 changed_at=_time_of(row.get('timestamp')),
                 settings={key: row.get(key) for key in _SETTINGS})


def _time_of(text: str | None) -> datetime.datetime | None:
    """Aodh writes UTC, and does not say so."""
    if not text:
        return None
    return datetime.datetime.fromisoformat(text).replace(
        tzinfo=datetime.UTC)
