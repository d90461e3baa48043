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

"""Our code on the real code of Nova and Placement, all in one process.

    python -m unittest discover -s tests/integration -t .

Nova's own test fixtures are made for unittest, not for pytest.
"""

import os

# Nova reads it when it is first imported: threads, not eventlet.
os.environ.setdefault('OS_NOVA_DISABLE_EVENTLET_PATCHING', 'true')

# It sees to that, and refuses to when another import has come before it.
from nova.tests import functional  # noqa: E402,F401
