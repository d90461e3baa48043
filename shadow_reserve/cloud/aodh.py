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

import dataclasses
import datetime
import json
from typing import Any

from keystoneauth1 import adapter

from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import rest

_TYPE = 'gnocchi_aggregation_by_resources_threshold'
_RULE = f'{_TYPE}_rule'
_PER_PAGE = 1000
#: Alarms that may go while they are listed; Aodh calls that an error of
#: its own.
_LOST_MARKERS = 3


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One metric, aggregated over the servers a Gnocchi query finds.

    ``query`` is Gnocchi's search, as JSON text. ``threshold`` is in the
    unit of the aggregate.
    """

    metric: str
    aggregation_method: str
    threshold: float
    granularity: int
    evaluation_periods: int
    query: str

    def to_body(self) -> dict[str, Any]:
        return {
            'metric': self.metric,
            'aggregation_method': self.aggregation_method,
            'threshold': self.threshold, 'granularity': self.granularity,
            'evaluation_periods': self.evaluation_periods,
            'query': self.query, 'resource_type': 'instance',
            'comparison_operator': 'gt'}

    def is_in(self, body: dict[str, Any]) -> bool:
        """Whether an alarm's rule, as Aodh has it, says the same."""
        wanted = self.to_body()
        query = wanted.pop('query')
        return (all(body.get(key) == value
                    for key, value in wanted.items())
                and _is_same_json(body.get('query'), query))


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Alarm:
    """An alarm as Aodh has it.

    ``state_changed_at`` is the time Aodh gives for the last change of its
    state, word for word, and ``reason`` what it says of it.
    ``evaluated_at`` is when an evaluator last took it up, and
    ``changed_at`` when it was last written over the API. An evaluator that
    is coordinated with others leaves ``evaluated_at`` as the API wrote it.
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


class Aodh:
    """Alarms in the service's own project: tenants cannot reach them."""

    def __init__(self, alarming: adapter.Adapter) -> None:
        self._alarming = alarming

    def list_alarms(self, name: str | None = None,
                    state: str | None = None) -> list[Alarm]:
        """The service's alarms: all, or those of one name or state."""
        project_id = self._alarming.get_project_id()
        query = [('q.field', 'project_id'), ('q.value', project_id)]
        for field, value in (('name', name), ('state', state)):
            if value is not None:
                query += [('q.field', field), ('q.value', value)]
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

    def get_alarm(self, alarm_id: str) -> Alarm | None:
        try:
            response = self._request('GET', f'/v2/alarms/{alarm_id}')
        except exceptions.NotFound:
            return None
        return _to_alarm(response.json())

    def create_alarm(self, name: str, description: str, rule: Rule) -> str:
        """:returns: the alarm's id"""
        response = self._request(
            'POST', '/v2/alarms', json=_body(name, description, rule))
        return str(response.json()['alarm_id'])

    def update_alarm(self, alarm_id: str, name: str, description: str,
                     rule: Rule) -> None:
        # Aodh would forget when it last evaluated the alarm, and its
        # evaluators pass over one of which that is not known.
        now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
        self._request('PUT', f'/v2/alarms/{alarm_id}', json={
            **_body(name, description, rule),
            'evaluate_timestamp': now.isoformat(timespec='seconds')})

    def delete_alarm(self, alarm_id: str) -> None:
        try:
            self._request('DELETE', f'/v2/alarms/{alarm_id}')
        except exceptions.NotFound:
            pass

    def _request(self, method: str, path: str, **kwargs: Any) -> Any:
        return rest.request(self._alarming, 'aodh', method, path, **kwargs)


def _is_same_json(one: Any, other: str) -> bool:
    if one == other:
        return True
    try:
        return bool(json.loads(one) == json.loads(other))
    except (ValueError, TypeError):
        return False


def _body(name: str, description: str, rule: Rule) -> dict[str, Any]:
    return {'name': name, 'description': description, 'type': _TYPE,
            'enabled': True, 'repeat_actions': False,
            _RULE: rule.to_body()}


def _to_alarm(row: dict[str, Any]) -> Alarm:
    return Alarm(alarm_id=row['alarm_id'], name=row['name'],
                 state=row['state'], enabled=row['enabled'],
                 rule=row.get(_RULE, {}),
                 state_changed_at=row.get('state_timestamp'),
                 reason=row.get('state_reason') or '',
                 evaluated_at=_time_of(row.get('evaluate_timestamp')),
                 changed_at=_time_of(row.get('timestamp')))


def _time_of(text: str | None) -> datetime.datetime | None:
    """Aodh writes UTC, and does not say so."""
    if not text:
        return None
    return datetime.datetime.fromisoformat(text).replace(
        tzinfo=datetime.UTC)
