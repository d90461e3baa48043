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

"""Keeps a pool from churning: sizes asked for in, what to keep out."""

from collections.abc import Iterable
import datetime

from shadow_reserve.shadow import sizing


def to_keep(
        asked: Iterable[tuple[datetime.datetime, int]],
        size: sizing.ShadowSize, now: datetime.datetime,
        delay: datetime.timedelta) -> int:
    """How many members stay, though ``size`` may ask for fewer.

    It is the largest size that was asked for within the last ``delay``: a
    forecast that wavers shrinks a pool to the most that it wavers to, once
    in that time. A bound that bites is no wavering, and counts at once.

    The same is done to replicas by Kubernetes' Horizontal Pod Autoscaler
    (``stabilizationWindowSeconds``).

    :param asked: from when on which size was asked for, oldest first
    """
    largest, before = size.quantity, None
    for since, quantity in asked:
        if since <= now - delay:
            before = quantity
        else:
            largest = max(largest, quantity)
    if before is not None:
        largest = max(largest, before)
    return min(largest, size.ceiling)
