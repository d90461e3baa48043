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

"""A bar on a terminal's standard error: one line, written over."""

import time
from typing import TextIO


class Bar:
    """Shows how far each stage is; silent where nobody watches.

    :param stream: drawn on only when it is a terminal
    """

    WIDTH = 30
    #: Seconds between two drawings.
    PAUSE = 0.1

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._watched = stream.isatty()
        self._stage = ''
        self._midline = False
        self._drawn = self._began = 0.0

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Draw ``done`` of ``total``; the last of a stage ends its line."""
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._began = stage, now
        elif done < total and now - self._drawn < self.PAUSE:
            return
        if not self._watched:
            return
        self._drawn = now
        full = self.WIDTH * done // max(total, 1)
        self._stream.write(
            f'\r{stage:12} [{"#" * full:{self.WIDTH}}] {done}/{total} '
            f'{now - self._began:4.0f} s')
        self._midline = done < total
        if not self._midline:
            self._stream.write('\n')
        self._stream.flush()

    def stop(self) -> None:
        """Leave the line that a stage was broken off on."""
        if self._midline:
            self._midline = False
            self._stream.write('\n')
