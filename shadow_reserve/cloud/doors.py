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
"""The doors to other services that more than one program goes through."""

import dataclasses

from oslo_config import cfg

from shadow_reserve.cloud import aodh as cloud_aodh
from shadow_reserve.cloud import cinder as cloud_cinder
from shadow_reserve.cloud import credentials as cloud_credentials
from shadow_reserve.cloud import gnocchi as cloud_gnocchi
from shadow_reserve.cloud import nova as cloud_nova
from shadow_reserve.cloud import placement_audit
from shadow_reserve.cloud import trusts as cloud_trusts


@dataclasses.dataclass(frozen=True, kw_only=True)
class Doors:
    """All with the rights of the service user."""

    credentials: cloud_credentials.Credentials
    nova: cloud_nova.Nova
    claims: placement_audit.ClaimListing
    trusts: cloud_trusts.Trusts
    aodh: cloud_aodh.Aodh
    cinder: cloud_cinder.Cinder
    gnocchi: cloud_gnocchi.Gnocchi


def from_options(conf: cfg.ConfigOpts) -> Doors:
    """:raises keystoneauth1.exceptions.ClientException: when the section
    service_credentials does not say who the service user is
    """
    credentials = cloud_credentials.Credentials(conf)
    return Doors(
        credentials=credentials,
        nova=cloud_nova.Nova(
            lambda session: credentials.adapter('nova', session=session)),
        claims=placement_audit.ClaimListing(
            credentials.adapter('placement')),
        trusts=cloud_trusts.Trusts(
            credentials.adapter('keystone'), credentials.within,
            conf.api.delegated_roles),
        aodh=cloud_aodh.Aodh(credentials.adapter('aodh')),
        cinder=cloud_cinder.Cinder(
            lambda session: credentials.adapter('cinder', session=session)),
        gnocchi=cloud_gnocchi.Gnocchi(
            credentials.adapter('gnocchi').session,
            **cloud_gnocchi.endpoint_of(conf)))
