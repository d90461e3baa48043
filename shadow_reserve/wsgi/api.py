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

"""The API for a WSGI server: ``shadow_reserve.wsgi.api:application``."""

import datetime
import os

from keystonemiddleware import auth_token
from oslo_config import cfg
import oslo_messaging

from shadow_reserve.api import access
from shadow_reserve.api import app
from shadow_reserve.api import bodies
from shadow_reserve.api import parts
from shadow_reserve.api import queries
from shadow_reserve.api import wakeup
from shadow_reserve.cloud import aodh as cloud_aodh
from shadow_reserve.cloud import capacity as cloud_capacity
from shadow_reserve.cloud import credentials as cloud_credentials
from shadow_reserve.cloud import nova as cloud_nova
from shadow_reserve.cloud import tenant as cloud_tenant
from shadow_reserve.cloud import trusts as cloud_trusts
from shadow_reserve.cmd import options
from shadow_reserve.db import session as db_session
from shadow_reserve.engine import ahead as engine_ahead
from shadow_reserve.engine import metric_source as engine_source
from shadow_reserve.engine import rehearsal as engine_rehearsal
from shadow_reserve.engine import scaling as engine_scaling
from shadow_reserve.engine import terms
from shadow_reserve.lease import accounts as lease_accounts
from shadow_reserve import policies
from shadow_reserve.shadow import moves as shadow_moves
from shadow_reserve.trigger import alarms as trigger_alarms
from shadow_reserve.trigger import rules as trigger_rules

#: Names the files to read, with semicolons between them.
CONFIG_FILES = 'OS_SHADOW_RESERVE_CONFIG_FILES'
DEFAULT_CONFIG_FILES = '/etc/shadow_reserve/shadow_reserve.conf'


def _utcnow() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _wakeup(conf: cfg.ConfigOpts) -> wakeup.Wakeup:
    transport = oslo_messaging.get_notification_transport(conf)
    return wakeup.Wakeup(oslo_messaging.Notifier(
        transport, publisher_id='shadow-reserve.api',
        driver='messagingv2', topics=[conf.trigger.notification_topic],
        retry=0))


def _rehearsal(conf: cfg.ConfigOpts, database: db_session.Database,
               credentials: cloud_credentials.Credentials,
               moves: shadow_moves.Moves) -> engine_rehearsal.Rehearsal:
    alarms = trigger_alarms.AlarmKeeper(
        database, cloud_aodh.Aodh(credentials.adapter('aodh')),
        trigger_rules.defaults_from_options(conf))
    return engine_rehearsal.Rehearsal(
        cloud_nova.Nova(
            lambda session: credentials.adapter('nova', session=session)),
        alarms,
        engine_scaling.Judge(
            database, alarms, engine_source.from_options(conf, credentials)),
        engine_ahead.Ahead(database, moves, terms.far(database, conf)),
        terms.net(conf))


def _parts(conf: cfg.ConfigOpts) -> parts.Parts:
    database = db_session.from_options(conf)
    credentials = cloud_credentials.Credentials(conf)
    accounts = lease_accounts.Accounts(
        lease_accounts.rates_from_options(conf))
    moves = shadow_moves.Moves(database, accounts.charge)
    return parts.Parts(
        database=database,
        access=access.Access(database, policies.build_enforcer(conf)),
        bodies=bodies.Bodies(conf.api.maximum_body_size),
        pages=queries.Pages(conf.api.max_limit),
        accounts=accounts,
        moves=moves,
        trusts=cloud_trusts.Trusts(
            credentials.adapter('keystone'), credentials.within,
            conf.api.delegated_roles),
        cloud_of=lambda auth: cloud_tenant.TenantCloud(
            credentials.adapter, auth),
        capacity=cloud_capacity.Capacity(
            credentials.adapter('placement'), credentials.adapter('nova')),
        rehearse=_rehearsal(conf, database, credentials, moves),
        wake=_wakeup(conf).send,
        clock=_utcnow)


def build() -> app.Application:
    """The application, by the files that the environment names."""
    files = os.environ.get(CONFIG_FILES, '') or DEFAULT_CONFIG_FILES
    conf = options.load([], program='shadow-reserve-api',
                        config_files=files.split(';'))
    return app.build(
        conf, _parts(conf), lambda application: auth_token.AuthProtocol(
            application, {'oslo_config_config': conf}))


application = build()
