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

"""What goes wrong, in a sentence that says what to do."""


class PocketCloudError(Exception):
    """Printed as it is, without a traceback; the exit code is 1."""


class GaveUpError(PocketCloudError):
    """Not a cause, only a consequence of another failure."""
