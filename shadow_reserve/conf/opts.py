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

"""What ``oslo-config-generator`` writes the sample file from."""

from oslo_config import cfg

from shadow_reserve import conf


def list_opts() -> list[tuple[cfg.OptGroup | str, list[cfg.Opt]]]:
    return [section for module in conf.MODULES
            for section in module.list_opts()]
