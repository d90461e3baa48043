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

"""The API as a WSGI application."""

from collections.abc import Callable
from collections.abc import Iterable
from typing import Any

import falcon
from oslo_config import cfg
from oslo_middleware import healthcheck
from oslo_middleware import http_proxy_to_wsgi
from oslo_middleware import request_id

from shadow_reserve.api import callers
from shadow_reserve.api import errors
from shadow_reserve.api import faults
from shadow_reserve.api.handlers import capacity
from shadow_reserve.api.handlers import events
from shadow_reserve.api.handlers import forecast
from shadow_reserve.api.handlers import ledger
from shadow_reserve.api.handlers import promotions
from shadow_reserve.api.handlers import reservations
from shadow_reserve.api.handlers import root
from shadow_reserve.api.handlers import shadow
from shadow_reserve.api import health
from shadow_reserve.api import microversion
from shadow_reserve.api import parts as api_parts

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

#: What everybody may ask, without a token.
_PUBLIC_PATHS = frozenset({'', '/v1'})
_HEALTH_PATH = '/healthcheck'


def routes(parts: api_parts.Parts) -> Application:
    """The Falcon app: it believes what its environ says of the caller."""
    components: Any = [microversion.Component(), callers.Component()]
    app = falcon.App(middleware=components)
    app.req_options.strip_url_path_trailing_slash = True
    app.set_error_serializer(errors.serialize)
    faults.add_to(app)
    one = '/v1/reservations/{token:uuid}'
    for path, handler in (
            ('/', root.Versions()),
            ('/v1', root.Version()),
            ('/v1/promotions', promotions.Promotions(parts)),
            ('/v1/capacity', capacity.Capacity(parts)),
            ('/v1/reservations', reservations.Reservations(parts)),
            (one, reservations.Reservation(parts)),
            (f'{one}/shadow', shadow.Shadow(parts)),
            (f'{one}/shadow/promote', shadow.promotion(parts)),
            (f'{one}/shadow/return', shadow.giving_back(parts)),
            (f'{one}/forecast', forecast.Forecast(parts)),
            (f'{one}/promotions', promotions.OfReservation(parts)),
            (f'{one}/ledger', ledger.Ledger(parts)),
            (f'{one}/events', events.Events(parts))):
        app.add_route(path, handler)
    return app


def build(conf: cfg.ConfigOpts, parts: api_parts.Parts,
          authenticate: Callable[[Application], Application]) -> Application:
    """The API with what stands in front of it.

    :param authenticate: wraps an application in what finds out who asks,
        and lets only those through who prove it
    """
    public = routes(parts)
    guarded = authenticate(public)
    conf.register_opts(
        healthcheck.opts.HEALTHCHECK_OPTS, group='healthcheck')
    conf.set_default('backends', [health.BACKEND], group='healthcheck')
    healthy = healthcheck.Healthcheck(None, conf)

    def choose(environ: dict[str, Any],
               start_response: Any) -> Iterable[bytes]:
        path = environ.get('PATH_INFO', '').rstrip('/')
        if path == _HEALTH_PATH:
            answer: Iterable[bytes] = healthy(environ, start_response)
            return answer
        if path in _PUBLIC_PATHS:
            return public(environ, start_response)
        return guarded(environ, start_response)
    application: Application = request_id.RequestId(
        http_proxy_to_wsgi.HTTPProxyToWSGI(choose, conf), conf)
    return application
