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

"""Stacks on the real Heat, with a database in memory."""

import uuid

import pytest

pytest.importorskip('heat')

from heat.common import context  # noqa: E402
from heat.db import api as db_api  # noqa: E402
from heat.db import models  # noqa: E402
from heat.engine.clients.os import keystone  # noqa: E402
from heat.engine.clients.os.keystone import (  # noqa: E402
    fake_keystoneclient)
from heat.engine import environment  # noqa: E402
from heat.engine import resources  # noqa: E402
from heat.engine import stack  # noqa: E402
from heat.engine import template  # noqa: E402
from oslo_config import cfg  # noqa: E402
from oslo_db import options  # noqa: E402

from shadow_reserve.heat.resources import reservation  # noqa: E402


@pytest.fixture(scope='session', autouse=True)
def heat():
    options.set_defaults(cfg.CONF, connection='sqlite://')
    models.BASE.metadata.create_all(db_api.get_engine())
    resources.initialise()
    resources.global_env().register_class(
        'OS::ShadowReserve::Reservation', reservation.Reservation)


@pytest.fixture
def make_stack(monkeypatch):
    monkeypatch.setattr(
        keystone.KeystoneClientPlugin, '_create',
        lambda self: fake_keystoneclient.FakeKeystoneClient())

    def make(resource_template, parameters=None):
        request = context.RequestContext.from_dict({
            'tenant_id': 'project-one', 'username': 'demo',
            'auth_url': 'http://keystone.example.org', 'auth_token': 'x'})
        parsed = template.Template(
            resource_template, env=environment.Environment(
                {'parameters': parameters or {}}))
        made = stack.Stack(request, f'shop-{uuid.uuid4()}', parsed)
        made.store()
        # The stack's context is held weakly by what is made from it.
        made.kept = request
        return made
    return make
