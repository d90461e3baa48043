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

"""Learned demand models, as the database keeps them."""

from collections.abc import Mapping
import dataclasses
import datetime
import enum
from typing import Any


class ModelState(enum.StrEnum):
    """What became of a model."""

    #: An engine is fitting it.
    CANDIDATE = 'candidate'
    #: All engines forecast with it. There is one at most.
    SERVING = 'serving'
    #: It served, and another does now.
    RETIRED = 'retired'
    #: It did worse than the one that served, and never did.
    REJECTED = 'rejected'


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class DemandModel:
    """All of a model but its bytes.

    :param created_at: when it was fitted
    :param since: since when it is in its state
    :param scores: medians over the series, on windows that it had not
        seen; ``serving`` is that of the model it was set beside. Lower is
        better, ``None`` is not known.
    :param made_from: the number of ``series``, their ``training_end``, and
        the ``reason`` that it was fitted for
    """

    version: int
    state: ModelState
    created_at: datetime.datetime
    since: datetime.datetime
    scores: Mapping[str, Any]
    made_from: Mapping[str, Any]

    @property
    def was_rolled_back_to(self) -> bool:
        """Whether it serves since an operator said so."""
        return (self.state is ModelState.SERVING
                and self.since > self.created_at)
