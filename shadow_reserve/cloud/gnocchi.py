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

"""The door to Gnocchi: resources and their measures, nothing computed."""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import datetime
import json
from typing import Any

from gnocchiclient import exceptions as gnocchi_exceptions
from gnocchiclient import utils as gnocchi_utils
from gnocchiclient.v1 import client as gnocchi_client
from keystoneauth1 import session as ksa_session
import numpy as np
from numpy import typing as npt
from oslo_config import cfg

from shadow_reserve.cloud import archive_policies
from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import gnocchi_session

#: What is looked for in resources, and answered with by Gnocchi.
_NOBODY = {'project_id': None, 'server_group': None, 'instance_id': None,
           'ended_at': None}
#: Metrics in one page of a listing; Gnocchi gives no more, unless told to.
_PAGE = 1000


class UnusableArchivePolicy(exceptions.CloudError):
    """A metric is not kept as finely as it is asked for."""


class ShortArchivePolicy(exceptions.CloudError):
    """A metric is not kept for as long as it is asked for."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Resource:
    """A resource, with the ids of its metrics by their names."""

    resource_id: str
    metrics: Mapping[str, str]
    attributes: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Points:
    """Of one metric, ascending: ``values[i]`` begins at ``stamps[i]``.

    The stamps are in UTC, of resolution ``us``.
    """

    stamps: npt.NDArray[np.datetime64]
    values: npt.NDArray[np.float64]


#: By resource and metric.
Measures = dict[str, dict[str, Points]]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """Measures, and why the other resources have none, by resource."""

    measures: Measures
    unusable: Mapping[str, UnusableArchivePolicy]


class Gnocchi:
    """Asks Gnocchi with a keystoneauth session.

    Every method raises ``ServiceUnavailable`` for what is worth another
    try, ``Forbidden``, or ``CloudError`` for any other refusal.

    :param timeout: seconds that one request may take
    """

    def __init__(self, session: ksa_session.Session, *,
                 region_name: str | None = None,
                 interface: str | None = None,
                 endpoint_override: str | None = None,
                 timeout: float = 60.0) -> None:
        self._client = gnocchi_client.Client(session=session)
        # The client takes no time-out of its own.
        self._client.api = gnocchi_session.Session(
            session, timeout, service_type='metric',
            region_name=region_name, interface=interface,
            endpoint_override=endpoint_override)

    def resources(self, kind: str,
                  query: Mapping[str, Any]) -> list[Resource]:
        """The resources of a type that a query finds.

        None, if Gnocchi does not even know the type: nobody ever measured
        such a thing there.
        """
        def fetch() -> list[Resource]:
            return [Resource(resource_id=item['id'],
                             metrics=dict(item.get('metrics') or {}),
                             attributes={**_NOBODY, **item})
                    for item in self._client.resource.search(
                        resource_type=kind, query=dict(query))]
        try:
            return gnocchi_session.asked(fetch)
        except exceptions.NotFound:
            return []

    def means(self, kind: str, resources: Sequence[Resource],
              metrics: Sequence[str], granularity: datetime.timedelta,
              start: datetime.datetime,
              stop: datetime.datetime) -> Answer:
        """The ``mean`` of some metrics in buckets of ``granularity``.

        It is one request, however many resources there are. What a
        resource does not have is left out. ``start`` is included, ``stop``
        is not. A resource of which one metric is not kept at that
        granularity, or not with its mean, stands with the reason under
        ``unusable`` and keeps nothing from the others.
        """
        wanted = set(metrics)
        having = [one for one in resources if wanted & one.metrics.keys()]
        if not having:
            return Answer(measures={}, unusable={})
        try:
            measures = gnocchi_session.asked(
                self._fetch_means, kind, having, metrics, granularity,
                start, stop)
        except (exceptions.ServiceUnavailable, exceptions.Forbidden):
            raise
        except exceptions.CloudError as error:
            unusable = self._unusable(kind, having, wanted, granularity)
            if not unusable:
                if isinstance(error, exceptions.NotFound):
                    # Deleted since they were found.
                    return Answer(measures={}, unusable={})
                raise
            rest = self.means(
                kind, [one for one in having
                       if one.resource_id not in unusable],
                metrics, granularity, start, stop)
            return Answer(measures=rest.measures,
                          unusable=unusable | dict(rest.unusable))
        return Answer(measures=measures, unusable={})

    def kept_short(self, metrics: Sequence[str],
                   granularity: datetime.timedelta,
                   span: datetime.timedelta) -> dict[str, str]:
        """Metrics of these names that are not kept for as long as ``span``
        in that granularity: why, and what to do, by the metric's id.

        As long as no archive policy is so short it is one request.
        """
        def fetch() -> dict[str, str]:
            return {str(policy['name']): text
                    for policy in self._client.archive_policy.list()
                    if (text := archive_policies.shortage(
                        policy, granularity, span)) is not None}
        short = gnocchi_session.asked(fetch)
        return {metric_id: text for policy, text in short.items()
                for name in metrics
                for metric_id in self._metric_ids(name, policy)}

    def _metric_ids(self, name: str, archive_policy: str) -> list[str]:
        def page() -> list[str]:
            query = gnocchi_utils.dict_to_querystring({
                'name': name, 'archive_policy_name': archive_policy,
                'limit': _PAGE, **({'marker': found[-1]} if found else {})})
            return [str(one['id']) for one in self._client.api.get(
                f'v1/metric?{query}').json()]
        found: list[str] = []
        while more := gnocchi_session.asked(page):
            found += more
        return found

    def archive_policy_of(self, metric: str) -> str | None:
        """Of some metric of that name; ``None`` when there is none."""
        def fetch() -> str | None:
            query = gnocchi_utils.dict_to_querystring(
                {'name': metric, 'limit': 1})
            return next((
                str(one['archive_policy']['name']) for one
                in self._client.api.get(f'v1/metric?{query}').json()), None)
        return gnocchi_session.asked(fetch)

    def push(self, metric: str, archive_policy: str | None,
             measures: Mapping[str, Iterable[tuple[datetime.datetime, float]]]
             ) -> frozenset[str]:
        """Write measures of one metric of many resources, by resource.

        The metric is made where a resource has none yet; without an
        archive policy, by the rules that Gnocchi has for its name. A
        measure takes the place of an earlier one of the same time.

        :returns: those of the resources that Gnocchi does not know; if
            there are any, nothing was written
        """
        made = {} if archive_policy is None else {
            'archive_policy_name': archive_policy}
        body = {resource_id: {metric: {**made, 'measures': [
            {'timestamp': stamp.isoformat(), 'value': value}
            for stamp, value in some]}}
            for resource_id, some in measures.items()}
        try:
            gnocchi_session.asked(
                self._client.api.post,
                'v1/batch/resources/metrics/measures?create_metrics=true',
                json=body)
        except exceptions.CloudError as error:
            unknown = _unknown_resources(error.__cause__)
            if not unknown:
                raise
            return unknown
        return frozenset()

    def create_resource(self, kind: str, resource_id: str,
                        project_id: str) -> None:
        """Make a resource of a type that has no attributes of its own, and
        the type as well, if need be; either may be there already."""
        body = {'id': resource_id, 'project_id': project_id}
        try:
            self._create(f'v1/resource/{kind}', body)
        except exceptions.NotFound:
            self._create('v1/resource_type', {'name': kind})
            self._create(f'v1/resource/{kind}', body)

    def _create(self, path: str, body: Mapping[str, str]) -> None:
        try:
            gnocchi_session.asked(self._client.api.post, path, json=body)
        except exceptions.Conflict:
            pass

    def delete_resource(self, resource_id: str) -> None:
        """With its metrics; it may be gone already."""
        try:
            gnocchi_session.asked(
                self._client.api.delete,
                f'v1/resource/generic/{resource_id}')
        except exceptions.NotFound:
            pass

    def _fetch_means(self, kind: str, resources: Sequence[Resource],
                     metrics: Sequence[str],
                     granularity: datetime.timedelta,
                     start: datetime.datetime,
                     stop: datetime.datetime) -> Measures:
        """As ``aggregates.fetch`` of gnocchiclient, which however makes a
        datetime of each time stamp: that takes longer than all else."""
        query = gnocchi_utils.dict_to_querystring({
            'start': start.isoformat(), 'stop': stop.isoformat(),
            'granularity': granularity.total_seconds(),
            # Members need not have their measures together.
            'fill': 'dropna'})
        answer = self._client.api.post(f'v1/aggregates?{query}', json={
            'operations': [
                'metric', *([name, 'mean'] for name in metrics)],
            'search': {'in': {'id': [
                one.resource_id for one in resources]}},
            'resource_type': kind})
        return {
            resource_id: {name: _points(kinds.get('mean', []))
                          for name, kinds in by_metric.items()}
            for resource_id, by_metric
            in json.loads(answer.content)['measures'].items()}

    def _unusable(self, kind: str, resources: Sequence[Resource],
                  wanted: set[str], granularity: datetime.timedelta,
                  ) -> dict[str, UnusableArchivePolicy]:
        """By resource, the archive policy that does not suffice.

        Gnocchi's own message has a metric's name, but neither its policy
        nor its resource.
        """
        seconds = granularity.total_seconds()
        result = {}
        for one in resources:
            try:
                metrics = gnocchi_session.asked(self._fetch_metrics, kind, one)
            except exceptions.NotFound:
                continue
            problems = [
                problem for metric in metrics if metric['name'] in wanted
                and (problem := archive_policies.problem(metric, seconds))]
            if problems:
                result[one.resource_id] = UnusableArchivePolicy(
                    gnocchi_session.SERVICE, problems[0])
        return result

    def _fetch_metrics(self, kind: str,
                       resource: Resource) -> list[dict[str, Any]]:
        answer = self._client.api.get(
            f'v1/resource/{kind}/{resource.resource_id}/metric')
        return sorted(answer.json(), key=lambda metric: metric['name'])


def endpoint_of(conf: cfg.ConfigOpts) -> dict[str, Any]:
    """Where Gnocchi is, as far as the configuration says it."""
    section = conf.gnocchi
    return {'region_name': section.region_name,
            'interface': (section.valid_interfaces or [None])[0],
            'endpoint_override': section.endpoint_override}


def _unknown_resources(error: BaseException | None) -> frozenset[str]:
    """What a refusal names as such."""
    told = getattr(error, 'message', None)
    if (not isinstance(error, gnocchi_exceptions.BadRequest)
            or not isinstance(told, dict)
            or told.get('cause') != 'Unknown resources'):
        return frozenset()
    return frozenset(one['resource_id'] for one in told['detail'])


def _points(rows: Sequence[Sequence[Any]]) -> Points:
    # Gnocchi writes them all in UTC; numpy would not read the offset.
    return Points(
        stamps=np.array([row[0].removesuffix('+00:00') for row in rows],
                        dtype='datetime64[us]'),
        values=np.array([row[2] for row in rows], dtype=np.float64))
