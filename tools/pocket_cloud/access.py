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

"""How a person or a script works with the cloud: clouds.yaml, variables."""

import json
import os

from pocket_cloud import service
from pocket_cloud import state

#: Name of each cloud in clouds.yaml, its user, project and secret.
CLOUDS = {
    'admin': ('admin', 'admin', 'admin'),
    **{name: (name, name, name) for name in state.TENANTS},
    'shadow-reserve': ('shadow-reserve', 'service', 'shadow-reserve'),
}
DEFAULT_CLOUD = 'demo'


def clouds_file(cloud: state.State) -> str:
    """The text of clouds.yaml, of which JSON is a part."""
    return json.dumps({'clouds': {name: {
        'auth': {
            'auth_url': cloud.ports.url('keystone'),
            'username': user,
            'password': cloud.secret(secret),
            'project_name': project,
            'user_domain_name': 'Default',
            'project_domain_name': 'Default',
        },
        'region_name': service.REGION,
        'identity_api_version': '3',
    } for name, (user, project, secret) in CLOUDS.items()}}, indent=1) + '\n'


def environment(cloud: state.State, name: str) -> dict[str, str]:
    """The caller's environment, turned to one user of the cloud."""
    kept = {key: value for key, value in os.environ.items()
            if not key.startswith('OS_')}
    path = kept.get('PATH', '/usr/bin:/bin')
    return {
        **kept,
        'PATH': f'{cloud.venv / "bin"}:{path}',
        'OS_CLIENT_CONFIG_FILE': str(cloud.path('etc', 'clouds.yaml')),
        'OS_CLOUD': name,
        'POCKET_CLOUD_STATE': str(cloud.folder),
        'POCKET_CLOUD_PORT_OFFSET': str(cloud.ports.offset),
        # A proxy does not know this machine's own loopback.
        'no_proxy': '127.0.0.1,localhost',
    }
