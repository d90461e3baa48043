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

"""What was charged, and what was decided: both only ever appended to."""

import dataclasses
import datetime
import decimal
import enum
from typing import Any

from shadow_reserve.records import promotion


class LedgerKind(enum.StrEnum):
    BASE = 'base'
    HOLD = 'hold'
    USE = 'use'
    EXTENSION = 'extension'


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class LedgerEntry:
    """A charge or an extension, with the rule and inputs that made it.

    ``extension`` is zero for plain charges. ``inputs`` holds strings and
    numbers enough to work the entry out again by hand.
    """

    entry_id: str
    token: str
    kind: LedgerKind
    period_start: datetime.datetime
    period_end: datetime.datetime
    amount: decimal.Decimal
    extension: datetime.timedelta
    rule: str
    inputs: dict[str, Any]


class Severity(enum.StrEnum):
    INFO = 'info'
    WARNING = 'warning'
    ERROR = 'error'


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One line of the audit: a decision, also one to do nothing."""

    event_id: str
    token: str
    happened_at: datetime.datetime
    kind: str
    severity: Severity
    message: str
    details: dict[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class News:
    """An event that is still to be announced.

    ``project_id`` and ``user_id`` are those of its reservation,
    ``last_promotion`` is its member's, if there was any.
    """

    sequence: int
    event: Event
    project_id: str
    user_id: str
    last_promotion: promotion.Promotion | None = None
