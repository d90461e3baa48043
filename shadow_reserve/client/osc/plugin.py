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

"""The plugin of ``openstack``: ``openstack shadow ...``."""

import argparse
from typing import Any

from osc_lib import utils

from shadow_reserve.client.sdk import _proxy
from shadow_reserve.client.sdk import description

DEFAULT_API_VERSION = '1'
API_VERSION_OPTION = 'os_shadow_reserve_api_version'
API_NAME = 'shadow_reserve'
API_VERSIONS = ('1',)


def make_client(instance: Any) -> _proxy.Proxy:
    """The service, as the shell's ``client_manager`` reaches it."""
    return description.add_to(instance.sdk_connection)


def build_option_parser(
        parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the options that all of our commands have."""
    parser.add_argument(
        '--os-shadow-reserve-api-version',
        metavar='<shadow-reserve-api-version>',
        default=utils.env('OS_SHADOW_RESERVE_API_VERSION',
                          default=DEFAULT_API_VERSION),
        help=f'Version of the shadow reserve API, default='
             f'{DEFAULT_API_VERSION} '
             f'(Env: OS_SHADOW_RESERVE_API_VERSION)')
    return parser


def check_api_version(check_version: str) -> bool:
    """Whether that version will do."""
    return check_version.split('.')[0] in API_VERSIONS
