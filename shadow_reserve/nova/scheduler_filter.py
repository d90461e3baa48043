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

"""Keeps others off the room that a promotion has let go.

A filter for nova-scheduler. To promote an offloaded member its claim is
deleted, and then Nova makes one of its own for the server that is
unshelved. In between the room is anybody's, but for this filter.
"""

from collections.abc import Iterable
from collections.abc import Mapping
import threading
from typing import Any
import weakref

import nova.conf
from nova.scheduler import filters
from nova.scheduler import utils
from oslo_log import log

from shadow_reserve.nova import client
from shadow_reserve.nova import options
from shadow_reserve.nova import slots

LOG = log.getLogger(__name__)


class _Request:
    """What one scheduling request was told, and how often it came.

    It comes once for each of its servers, each time with the same spec.
    """

    def __init__(self, spec_obj: Any, found: slots.Slots) -> None:
        self._spec = weakref.ref(spec_obj)
        self.slots = found
        self.servers = 0

    def is_of(self, spec_obj: Any) -> bool:
        return self._spec() is spec_obj


class ShadowReserveFilter(filters.BaseHostFilter):
    """Passes a host unless a server would take what it has been let go."""

    def __init__(self) -> None:
        super().__init__()
        conf = nova.conf.CONF
        options.register_opts(conf)
        self._client = client.Client(
            client.Service(conf).ask,
            conf[options.GROUP.name].retry_interval)
        # A request is dealt with by one thread, from start to end.
        self._thread = threading.local()

    def filter_all(self, filter_obj_list: Iterable[Any],
                   spec_obj: Any) -> Iterable[Any]:
        # A server that is rebuilt is on its host already.
        if utils.request_is_rebuild(spec_obj):
            return filter_obj_list
        request = self._request(spec_obj)
        request.servers += 1
        if not request.slots:
            return filter_obj_list
        # Those before it in the same request may be on any of the hosts.
        ask = {name: amount * request.servers
               for name, amount in _needs(spec_obj).items()}
        return [host for host in filter_obj_list if self._passes(
            host, spec_obj.instance_uuid, ask, request.slots)]

    def _request(self, spec_obj: Any) -> _Request:
        request: _Request | None = getattr(self._thread, 'request', None)
        if request is None or not request.is_of(spec_obj):
            request = _Request(spec_obj, self._client.slots())
            self._thread.request = request
        return request

    @staticmethod
    def _passes(host: Any, server_id: str, ask: Mapping[str, int],
                found: slots.Slots) -> bool:
        passes = slots.leaves_alone(
            found.get(host.nodename, ()), server_id, ask)
        if not passes:
            LOG.debug('%(host)s is kept for a promotion under way',
                      {'host': host})
        return passes


def _needs(spec_obj: Any) -> Mapping[str, int]:
    """As Nova claims it in Placement, by resource class."""
    needs: Mapping[str, int] = utils.ResourceRequest.from_request_spec(
        spec_obj).merged_resources()
    return needs
