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

"""What has been done already, and from which inputs.

A stamp is written after its step succeeded and holds a hash of what the
step was made from. So a step interrupted half-way is done again, and one
whose inputs changed too.
"""

import hashlib
import pathlib


def fingerprint(*inputs: str | bytes) -> str:
    """A hash that tells apart ``('ab', 'c')`` and ``('a', 'bc')``."""
    digest = hashlib.sha256()
    for part in inputs:
        data = part.encode() if isinstance(part, str) else part
        digest.update(str(len(data)).encode() + b':' + data)
    return digest.hexdigest()


class Stamps:
    """:param folder: made with the first stamp"""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder

    def is_current(self, name: str, inputs: str) -> bool:
        """Has this step succeeded, from these very inputs?"""
        path = self._folder / name
        return path.is_file() and path.read_text().strip() == inputs

    def exists(self, name: str) -> bool:
        """Has this step ever succeeded?"""
        return (self._folder / name).is_file()

    def set(self, name: str, inputs: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / name
        unfinished = path.with_suffix('.unfinished')
        unfinished.write_text(inputs + '\n')
        unfinished.replace(path)
