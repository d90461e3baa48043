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

"""What a request asks for, as far as it can be judged by itself."""

import dataclasses
import datetime
from typing import Any

from shadow_reserve.api import errors
from shadow_reserve.api import formats
from shadow_reserve.api import intake_hooks
from shadow_reserve.api.schemas import common
from shadow_reserve.db import codec
from shadow_reserve.records import holding
from shadow_reserve.records import reservation

#: How far in the past a start may lie and still mean "now": clocks differ.
CLOCK_SKEW = datetime.timedelta(minutes=1)

_LONGEST = datetime.timedelta(seconds=common.MAXIMUM_DURATION)
_SHORTEST = datetime.timedelta(minutes=1)


@dataclasses.dataclass(frozen=True, slots=True)
class Term:
    start_time: datetime.datetime
    duration: datetime.timedelta


def term(fields: dict[str, Any], now: datetime.datetime) -> Term:
    """From when on, and for how long.

    :param fields: the request's reservation, fit for its schema
    :raises Problem: 400
    """
    start = _start(fields.get('start_time'), now)
    if ('duration' in fields) == ('end_time' in fields):
        raise errors.bad_field(
            'reservation.duration',
            'Give either duration or end_time, and not both.')
    if 'duration' in fields:
        return Term(start, datetime.timedelta(
            seconds=int(fields['duration'])))
    end = formats.parse_time(fields['end_time'])
    if end <= now:
        raise errors.bad_field(
            'reservation.end_time',
            f'{end.isoformat()} is in the past (it is now '
            f'{now.isoformat()}); give a time to come.')
    if not _SHORTEST <= end - start <= _LONGEST:
        raise errors.bad_field(
            'reservation.end_time',
            f'{end.isoformat()} is not between a minute and ten years '
            f'after the start, {start.isoformat()}; change one of them.')
    return Term(start, end - start)


def _start(text: str | None, now: datetime.datetime) -> datetime.datetime:
    if text is None:
        return now
    start = formats.parse_time(text)
    if start < now - CLOCK_SKEW:
        raise errors.bad_field(
            'reservation.start_time',
            f'{start.isoformat()} is in the past (it is now '
            f'{now.isoformat()}); leave it out to start at once.')
    if start > now + _LONGEST:
        raise errors.bad_field(
            'reservation.start_time',
            f'{start.isoformat()} is more than ten years ahead.')
    return max(start, now)


def selector(fields: dict[str, Any]) -> reservation.Selector:
    """:raises Problem: 400"""
    kind = reservation.SelectorKind(fields['kind'])
    if (kind is reservation.SelectorKind.METADATA) != ('key' in fields):
        raise errors.bad_field(
            'reservation.selector.key',
            'Give the key of the metadata item with the kind metadata, and '
            'none with the kind server_group.')
    return reservation.Selector(
        kind=kind, value=fields['value'], key=fields.get('key', ''))


#: Fields of the policy in which every number is a whole one.
_WHOLE = frozenset({
    'minimum_shadow', 'maximum_shadow', 'priority', 'hold', 'schedule',
    'maximum_uses', 'alarm_evaluation_periods', 'promotion_step',
    'maximum_promoted', 'hooks'})


def _whole(value: Any) -> Any:
    """The same, with 2 where it has 2.0: to JSON they are one number."""
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {name: _whole(item) for name, item in value.items()}
    return int(value) if isinstance(value, float) else value


def policy(fields: dict[str, Any], base: reservation.Policy,
           selector: reservation.Selector) -> reservation.Policy:
    """``base`` with some fields changed, judged as a whole.

    :param selector: of the reservation that it is the policy of
    :raises Problem: 400
    """
    changed = {name: _whole(value) if name in _WHOLE else value
               for name, value in fields.items()}
    merged = codec.policy_from_json(codec.policy_to_json(base) | changed)
    if merged.minimum_shadow > merged.maximum_shadow:
        raise errors.bad_field(
            'reservation.policy.minimum_shadow',
            f'{merged.minimum_shadow} is more than maximum_shadow, '
            f'{merged.maximum_shadow}; lower it, or raise the maximum.')
    _check_thresholds(merged)
    _check_hold(merged.hold)
    intake_hooks.check(merged.hooks, selector)
    return merged


#: Each threshold, and the one under which instances go back.
_THRESHOLDS = (
    ('cpu_threshold', 'scale_in_threshold'),
    ('memory_threshold', 'memory_scale_in_threshold'),
    ('io_latency_threshold', 'io_latency_scale_in_threshold'))


def _check_thresholds(merged: reservation.Policy) -> None:
    for name, scale_in in _THRESHOLDS:
        over, under = getattr(merged, name), getattr(merged, scale_in)
        if None not in (over, under) and under >= over:
            raise errors.bad_field(
                f'reservation.policy.{scale_in}',
                f'{under:g} is not under {name}, {over:g}: shadow would go '
                f'back and forth.')
    if merged.promote_ahead is not None and (
            merged.cpu_threshold is None
            and merged.memory_threshold is None):
        raise errors.bad_field(
            'reservation.policy.promote_ahead',
            'Give a cpu_threshold or a memory_threshold with it: that one '
            'of them is crossed is what is forecast.')


def readiness(
        fields: dict[str, Any] | None) -> reservation.Readiness | None:
    """:raises Problem: 400"""
    if fields is None:
        return None
    kind = reservation.ReadinessKind(fields['kind'])
    given = fields.keys() - {'kind'}
    if kind is reservation.ReadinessKind.METADATA:
        if given != {'key', 'value'}:
            raise errors.bad_field(
                'reservation.template.readiness',
                'Give the key and the value of the metadata item with the '
                'kind metadata, and no port and no path.')
        return reservation.Readiness(
            kind=kind, key=fields['key'], value=fields['value'])
    if given - {'port', 'path'}:
        raise errors.bad_field(
            'reservation.template.readiness',
            'Give a port and a path, or neither, with the kind http, and '
            'no key and no value.')
    return reservation.Readiness(kind=kind, **_whole({
        name: fields[name] for name in given}))


def volume(fields: dict[str, Any]) -> reservation.VolumeTemplate:
    return reservation.VolumeTemplate(
        size_gib=int(fields['size']), volume_type=fields.get('type'),
        attach=reservation.AttachTime(fields.get(
            'attach', reservation.AttachTime.PROMOTION)))


def _check_hold(mix: tuple[holding.HoldStep, ...]) -> None:
    tiers = [step.tier for step in mix]
    if len(set(tiers)) < len(tiers):
        raise errors.bad_field(
            'reservation.policy.hold', 'Name each tier once.')
    if (mix[-1].count is not None
            or any(step.count is None for step in mix[:-1])):
        raise errors.bad_field(
            'reservation.policy.hold',
            'Give a count with each part but the last, which takes the '
            'rest.')
