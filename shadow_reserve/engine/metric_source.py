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

"""The metric source that the configuration names."""

import datetime

from oslo_config import cfg

from shadow_reserve.cloud import credentials as cloud_credentials
from shadow_reserve.cloud import gnocchi as cloud_gnocchi
from shadow_reserve.usage import source as usage_source


def from_options(conf: cfg.ConfigOpts,
                 credentials: cloud_credentials.Credentials,
                 step: datetime.timedelta | None = None,
                 ) -> usage_source.MetricSource:
    """:param step: of the histories; ``None`` where none are read
    :raises stevedore.exception.NoMatches: when there is no such driver
    """
    live = datetime.timedelta(seconds=conf.trigger.granularity)
    return usage_source.load(
        conf.forecast.metric_source, credentials.adapter('gnocchi').session,
        granularity=step or live, live_granularity=live,
        concurrency=conf.forecast.metric_source_concurrency,
        **cloud_gnocchi.endpoint_of(conf))
