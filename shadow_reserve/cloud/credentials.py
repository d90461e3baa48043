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

"""Sessions and adapters, out of the options that keystoneauth reads."""

from keystoneauth1 import adapter
from keystoneauth1 import loading
from keystoneauth1 import plugin
from keystoneauth1 import session as ks_session
from oslo_config import cfg
from requests import adapters

from shadow_reserve.conf import credentials

#: Major versions that paths are written for; the rest is discovered.
_VERSIONS = {'glance': '2', 'neutron': '2', 'keystone': '3',
             'octavia': '2'}

#: What scopes the service user to its own project, and must be left out
#: within a trust, which brings its own scope.
_SCOPE = ('domain_id', 'domain_name', 'project_id', 'project_name',
          'project_domain_id', 'project_domain_name', 'system_scope')

#: Services with connections that are kept for the next request, and how many
#: of each: more than threads ask at a time, where it would be ten.
_SERVICES = 10
_KEPT = 64


class Credentials:
    """The service user of the section service_credentials, and the ways
    to other services.

    :param conf: options that ``conf.credentials`` has been registered on
    """

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._conf = conf
        self._service = loading.load_auth_from_conf_options(
            conf, credentials.GROUP)
        self._session = self.session(self._service)

    def session(
            self, auth: plugin.BaseAuthPlugin | None) -> ks_session.Session:
        """A new session with the section's timeouts and certificates."""
        session: ks_session.Session = loading.load_session_from_conf_options(
            self._conf, credentials.GROUP, auth=auth)
        for way in session.session.adapters.values():
            if isinstance(way, adapters.HTTPAdapter):
                way.init_poolmanager(_SERVICES, _KEPT)
        return session

    def adapter(
            self, service: str, auth: plugin.BaseAuthPlugin | None = None,
            session: ks_session.Session | None = None) -> adapter.Adapter:
        """The way to a service.

        :param service: the name of its section in the configuration
        :param auth: whose rights to use; the service user's if not given
        :param session: whose session to use instead of our own
        """
        options: dict[str, str] = {}
        if service in _VERSIONS:
            options['min_version'] = _VERSIONS[service]
            options['max_version'] = f'{_VERSIONS[service]}.latest'
        return loading.load_adapter_from_conf_options(
            self._conf, service, session=session or self._session,
            auth=auth, **options)

    def within(self, trust_id: str) -> ks_session.Session:
        """A session in which the service user acts for a trustor."""
        return self.session(loading.load_auth_from_conf_options(
            self._conf, credentials.GROUP, trust_id=trust_id,
            **dict.fromkeys(_SCOPE)))
