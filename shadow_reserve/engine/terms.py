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

"""What the configuration says, as the rooms of the house want it."""

from collections.abc import Callable
import datetime

from oslo_config import cfg

from shadow_reserve.db import promotions as db_promotions
from shadow_reserve.db import session as db_session
from shadow_reserve.engine import lead_time
from shadow_reserve.engine import net as engine_net
from shadow_reserve.shadow import lifecycle as shadow_lifecycle
from shadow_reserve.shadow import room as shadow_room
from shadow_reserve.trigger import rules as trigger_rules
from shadow_reserve.usage import settings as usage_settings


def seconds(count: int) -> datetime.timedelta:
    return datetime.timedelta(seconds=count)


def forecasts(
        conf: cfg.ConfigOpts) -> usage_settings.ForecastSettings:
    """:raises oslo_config.cfg.Error: when an option has a wrong value
    :raises ValueError: when options contradict each other
    """
    return usage_settings.ForecastSettings(
        horizon=seconds(conf.forecast.horizon),
        peak_window=seconds(conf.forecast.peak_window),
        holidays=frozenset(conf.forecast.holidays),
        threads=conf.forecast.threads)


def net(conf: cfg.ConfigOpts) -> engine_net.Terms:
    period = seconds(conf.trigger.granularity)
    watch = conf.trigger.watch_interval
    return engine_net.Terms(
        interval=period if watch is None else seconds(watch),
        patience=seconds(conf.trigger.alarm_patience),
        defaults=trigger_rules.defaults_from_options(conf),
        concurrency=conf.forecast.metric_source_concurrency)


def shares(conf: cfg.ConfigOpts) -> shadow_room.Shares:
    return shadow_room.Shares(
        maximum=conf.shadow.maximum_share, free=conf.shadow.low_water_mark)


def limits(conf: cfg.ConfigOpts) -> shadow_lifecycle.Limits:
    return shadow_lifecycle.Limits(
        settle_time=seconds(conf.shadow.settle_time),
        build_timeout=seconds(conf.shadow.build_timeout),
        promotion_timeout=seconds(conf.shadow.promotion_timeout),
        error_backoff=seconds(conf.shadow.error_backoff),
        reclaim_delay=seconds(conf.shadow.reclaim_delay))


def far(database: db_session.Database, conf: cfg.ConfigOpts,
        ) -> Callable[[datetime.datetime], datetime.timedelta]:
    """How far ahead promotions look."""
    takes = lead_time.LeadTime(
        database, seconds(conf.trigger.default_promotion_time),
        seconds(conf.shadow.promotion_timeout), db_promotions.times)
    reaction = seconds(conf.trigger.reaction_time)
    return lambda now: takes.at(now) + reaction


def build_time(database: db_session.Database,
               conf: cfg.ConfigOpts) -> lead_time.LeadTime:
    return lead_time.LeadTime(
        database, seconds(conf.shadow.default_lead_time),
        seconds(conf.shadow.settle_time + conf.shadow.build_timeout))
