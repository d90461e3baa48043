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

"""Nova: attaching volumes to servers and detaching them."""

from collections.abc import Callable
from typing import Any

from keystoneauth1 import adapter
from keystoneauth1 import session as ks_session

from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import rest

#: 2.20 detaches from shelved servers too.
MICROVERSION = '2.79'


class VolumeAttachments:
    """Attaching and detaching, in the name of a tenant.

    What is attached, Nova says where it lists servers.

    :param adapter_for: makes the way to Nova of a session
    """

    def __init__(
            self, adapter_for: Callable[
                [ks_session.Session], adapter.Adapter]) -> None:
        self._adapter_for = adapter_for

    def attach(self, session: ks_session.Session, server_id: str,
               volume_id: str) -> None:
        """Ask for it; what came of it is seen at Cinder and Nova.

        :raises Conflict: the server is busy, or in no state for it
        :raises CloudError: also when the volume is attached already
        """
        self._request('POST', server_id, session, json={
            'volumeAttachment': {'volumeId': volume_id}})

    def detach(self, session: ks_session.Session, server_id: str,
               volume_id: str) -> None:
        """Ask for it; nothing to do where it is not attached.

        :raises Conflict: the server is busy, or in no state for it
        """
        try:
            self._request('DELETE', server_id, session, f'/{volume_id}')
        except exceptions.NotFound:
            pass

    def _request(self, method: str, server_id: str,
                 session: ks_session.Session, more: str = '',
                 **kwargs: Any) -> Any:
        return rest.request(
            self._adapter_for(session), 'nova', method,
            f'/servers/{server_id}/os-volume_attachments{more}',
            microversion=MICROVERSION, **kwargs)
