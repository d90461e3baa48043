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

"""Entry points. Importing this package settles that threads are threads.

oslo.messaging imports oslo.service, which takes eventlet unless it is told
otherwise before; so this comes before every other import of a process.
"""

import warnings

from oslo_service import backend

# What that imports looks whether eventlet is installed, as oslo.service
# requires it, and eventlet warns of itself. Nothing here runs on it.
warnings.filterwarnings('ignore', r'\s*Eventlet is deprecated')
backend.init_backend(backend.BackendType.THREADING)
