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
"""A Gnocchi in memory, which answers as ``cloud.gnocchi.Gnocchi`` does.

What it holds is written down as Ceilometer would have sent it.
"""

import collections
import datetime
import math

import numpy as np

from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import gnocchi
from shadow_reserve.usage import series as series_module

NOBODY = {'project_id': 'project', 'server_group': None, 'ended_at': None,
          'instance_id': None}


class FakeDoor:
    """Resources with their measures, and what was asked.

    A measure is (stamp, value), or (stamp, value, when it comes to be
    seen), which is compared with ``now``.
    """

    def __init__(self):
        self.now = datetime.datetime.max.replace(tzinfo=datetime.UTC)
        self.held = {}
        self.queries = []
        self.asked = []
        self.unusable = set()
        self.down = set()
        self.short = {}

    def add(self, kind, resource_id, metrics, **attributes):
        self.held[resource_id] = (kind, gnocchi.Resource(
            resource_id=resource_id,
            attributes=NOBODY | {'id': resource_id} | attributes,
            metrics={name: f'{resource_id}/{name}' for name in metrics}),
            metrics)

    def resources(self, kind, query):
        if f'search {kind}' in self.down:
            raise exceptions.ServiceUnavailable('gnocchi', 'no answer')
        self.queries.append((kind, query))
        return [resource for its_kind, resource, _ in self.held.values()
                if its_kind == kind and found(query, resource.attributes)]

    def means(self, kind, resources, metrics, granularity, start, stop):
        ids = [one.resource_id for one in resources]
        self.asked.append((kind, ids, granularity, start, stop))
        if self.down & set(ids):
            raise exceptions.ServiceUnavailable('gnocchi', 'no answer')
        measures, unusable = {}, {}
        for one in ids:
            held = self.held[one][2]
            bad = {name for name in metrics if name in held
                   and ({name, (one, name)} & self.unusable)}
            if bad:
                unusable[one] = gnocchi.UnusableArchivePolicy(
                    'gnocchi', f'metric {min(bad)} is too coarse')
            else:
                measures[one] = {
                    name: points(self._bucketed(
                        held[name], granularity, start, stop))
                    for name in metrics if name in held}
        return gnocchi.Answer(measures=measures, unusable=unusable)

    def kept_short(self, metrics, granularity, span):
        """Those of ``short``, by resource and metric, that end too early."""
        if 'policies' in self.down:
            raise exceptions.ServiceUnavailable('gnocchi', 'no answer')
        self.queries.append(('policies', span))
        return {metric_id: f'kept for {kept}'
                for metric_id, kept in self.short.items() if kept < span}

    def _bucketed(self, measures, granularity, start, stop):
        """The mean of each bucket, as Gnocchi keeps it."""
        buckets = collections.defaultdict(dict)
        for stamp, value, *seen in measures:
            bucket = series_module.floor(stamp, granularity)
            if (start <= bucket < stop and not math.isnan(value)
                    and all(moment <= self.now for moment in seen)):
                buckets[bucket][stamp] = value
        return {bucket: sum(one.values()) / len(one)
                for bucket, one in sorted(buckets.items())}

    def spans(self, kind='instance'):
        """How long the spans are that were asked for."""
        return [stop - start for its_kind, _, _, start, stop in self.asked
                if its_kind == kind]


def points(by_stamp):
    return gnocchi.Points(
        stamps=np.array([series_module.utc(stamp) for stamp in by_stamp],
                        dtype='datetime64[us]'),
        values=np.array(list(by_stamp.values()), dtype=np.float64))


def found(query, attributes):
    """Whether a query of Gnocchi's finds something with attributes."""
    [(operator, operand)] = query.items()
    if operator in ('and', 'or'):
        every = all if operator == 'and' else any
        return every(found(one, attributes) for one in operand)
    [(name, value)] = operand.items()
    if operator == 'in':
        return attributes[name] in value
    if operator == '>=':
        return attributes[name] is not None and attributes[name] >= value
    return attributes[name] == value
