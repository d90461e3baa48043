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

"""Asks shadow_reserve which promotions are under way.

It never fails: where there is no answer, it is as if there were none.
"""

from collections.abc import Callable
import time
from typing import Any

from keystoneauth1 import adapter as ks_adapter
from keystoneauth1 import exceptions
from keystoneauth1 import loading
from oslo_config import cfg
from oslo_log import log

from shadow_reserve.nova import options
from shadow_reserve.nova import slots

LOG = log.getLogger(__name__)


class Service:
    """The REST API.

    :param conf: that ``options`` has been registered on
    """

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._conf = conf
        self._adapter: ks_adapter.Adapter | None = None

    def ask(self) -> Any:
        """The body of the answer.

        :raises ClientException: when there is none, or an error
        :raises ValueError: when it is no JSON
        """
        # Not before: nova-scheduler forks its workers after it has made
        # the filter, and they must not share a connection.
        if self._adapter is None:
            self._adapter = self._connect()
        return self._adapter.get('/v1/promotions').json()

    def _connect(self) -> ks_adapter.Adapter:
        group = options.GROUP.name
        auth = loading.load_auth_from_conf_options(self._conf, group)
        session = loading.load_session_from_conf_options(
            self._conf, group, auth=auth)
        adapter: ks_adapter.Adapter = (
            loading.load_adapter_from_conf_options(
                self._conf, group, session=session))
        return adapter


class Client:
    """Slots under way, asked for anew each time.

    :param ask: gives the body of an answer, or raises as Service.ask
    :param pause: seconds without asking after that went wrong
    :param clock: tells seconds
    """

    def __init__(self, ask: Callable[[], Any], pause: float,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._pause = pause
        self._clock = clock
        self._silent_until: float | None = None

    def slots(self) -> slots.Slots:
        """Those there are now; none while the service does not answer."""
        if (self._silent_until is not None
                and self._clock() < self._silent_until):
            return {}
        try:
            found = slots.parse(self._ask())
        except (exceptions.ClientException, ValueError) as error:
            self._silent_until = self._clock() + self._pause
            LOG.warning(
                'shadow_reserve did not say which promotions are under '
                'way, so no host is kept from any server for the next '
                '%(pause)s s: %(error)s',
                {'pause': self._pause, 'error': error})
            return {}
        if self._silent_until is not None:
            self._silent_until = None
            LOG.info('shadow_reserve answers again.')
        return found
