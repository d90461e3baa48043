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

"""How Sphinx builds the documentation: ``tox -e docs``."""

extensions = [
    'cliff.sphinxext',
    'openstackdocstheme',
    'oslo_config.sphinxconfiggen',
    'oslo_config.sphinxext',
    'oslo_policy.sphinxext',
    'oslo_policy.sphinxpolicygen',
]

project = 'shadow_reserve'
copyright = '2026, the shadow_reserve developers'
author = 'the shadow_reserve developers'

autoprogram_cliff_application = 'openstack'

config_generator_config_file = [(
    '../../etc/shadow_reserve/shadow-reserve-config-generator.conf',
    '_static/shadow_reserve')]
policy_generator_config_file = [(
    '../../etc/shadow_reserve/shadow-reserve-policy-generator.conf',
    '_static/shadow_reserve')]

html_theme = 'openstackdocs'
html_static_path = ['_static']
pygments_style = 'native'
openstackdocs_auto_name = False
openstackdocs_repo_name = 'shadow_reserve'
openstackdocs_use_storyboard = False
