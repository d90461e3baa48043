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


"""Tells the story as it goes: a step, what was read, how long it took."""

import collections.abc
import contextlib
import datetime
import time

from pocket_cloud.demo import recording
from pocket_cloud import progress


class Narrator:
    """:param record: keeps the steps for the report"""

    def __init__(self, record: recording.Recording) -> None:
        self._record = record
        self._started = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._started

    def say(self, service: str, text: str) -> None:
        """One line, and from whom it comes."""
        progress.say(f'    {service:<9} {text}')
        if self._record.steps:
            self._record.steps[-1].lines.append((service, text))

    def command(self, typed: str) -> None:
        """A command line, as the tenant types it."""
        progress.say(f'    $ {typed}')
        if self._record.steps:
            self._record.steps[-1].lines.append(('$', typed))

    @contextlib.contextmanager
    def step(self, title: str) -> collections.abc.Iterator[None]:
        """A step of the story; it says when it is over, and how."""
        step = recording.Step(
            len(self._record.steps) + 1, title,
            datetime.datetime.now(datetime.UTC))
        self._record.steps.append(step)
        progress.say(f'\n[{self.elapsed:5.1f} s]  {step.number}. {title}')
        begun = time.monotonic()
        try:
            yield
            step.succeeded = True
        finally:
            step.seconds = time.monotonic() - begun
            progress.say(f'    {"ok" if step.succeeded else "FAILED":<9} '
                         f'after {step.seconds:.1f} s')
