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

from typing import Any

from openstack import resource
import requests


class Sequence(resource.Resource):
    """What is only ever appended to, and read on after a number."""

    allow_list = True

    _query_mapping = resource.QueryParameters('after')

    reservation_id = resource.URI('reservation_id')
    #: Where it stands in the sequence; give it as ``after`` to read on.
    sequence = resource.Body('sequence', type=int)

    @classmethod
    def _get_next_link(
            cls, uri: str, response: requests.Response,
            data: dict[str, Any], marker: str | None, limit: str | None,
            total_yielded: int) -> Any:
        # With a limit, the SDK would try a page more by a marker, which
        # there is none of here. The link is there if there is a page.
        return super()._get_next_link(
            uri, response, data, marker, None, total_yielded)
