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

"""Records to JSON and back, for what has no columns of its own."""

import dataclasses
import datetime
import decimal
from typing import Any

from shadow_reserve.records import demand
from shadow_reserve.records import holding
from shadow_reserve.records import hook
from shadow_reserve.records import reservation


def policy_to_json(policy: reservation.Policy) -> dict[str, Any]:
    fields = dataclasses.asdict(policy)
    for part in (fields, *fields['schedule']):
        for name in part.keys() & _POLICY_LENGTHS:
            if part[name] is not None:
                part[name] = _seconds(part[name])
    if policy.budget is not None:
        fields['budget'] = str(policy.budget)
    for name in ('hold', 'schedule', 'hooks'):
        fields[name] = list(fields[name])
    return fields


def policy_from_json(fields: dict[str, Any]) -> reservation.Policy:
    """What older rows lack has its default."""
    values = _with_lengths(fields)
    values['mode'] = reservation.Mode(values['mode'])
    if values['budget'] is not None:
        values['budget'] = decimal.Decimal(values['budget'])
    if 'hold' in values:
        values['hold'] = tuple(
            holding.HoldStep(tier=holding.Tier(step['tier']),
                             count=step.get('count'))
            for step in values['hold'])
    values['schedule'] = tuple(
        reservation.ScheduledShadow(**_with_lengths(one))
        for one in values.get('schedule', ()))
    values['alarm_combination'] = reservation.AlarmCombination(
        values.get('alarm_combination', 'separate'))
    values['hooks'] = tuple(
        hook.Hook(**{**one, 'kind': hook.HookKind(one['kind'])})
        for one in values.get('hooks', ()))
    return reservation.Policy(**values)


#: Fields that are seconds in JSON.
_POLICY_LENGTHS = frozenset({
    'alarm_period', 'cooldown', 'drain_time', 'maximum_age',
    'promotion_cooldown', 'duration'})


def _seconds(length: datetime.timedelta) -> int | float:
    """A length of time; a whole number of seconds without a point."""
    value = length.total_seconds()
    return int(value) if value.is_integer() else value


def _with_lengths(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: datetime.timedelta(seconds=value)
            if name in _POLICY_LENGTHS and value is not None else value
            for name, value in fields.items()}


def template_to_json(
        template: reservation.InstanceTemplate) -> dict[str, Any]:
    return dataclasses.asdict(template)


def template_from_json(
        fields: dict[str, Any]) -> reservation.InstanceTemplate:
    """What older rows lack has its default."""
    values = dict(fields)
    for name in ('network_ids', 'security_groups'):
        values[name] = tuple(values[name])
    values['metadata'] = tuple(
        (key, value) for key, value in values['metadata'])
    readiness = values.get('readiness')
    if readiness is not None:
        values['readiness'] = reservation.Readiness(**{
            **readiness,
            'kind': reservation.ReadinessKind(readiness['kind'])})
    values['volumes'] = tuple(
        reservation.VolumeTemplate(**{
            **volume, 'attach': reservation.AttachTime(volume['attach'])})
        for volume in values.get('volumes', ()))
    return reservation.InstanceTemplate(**values)


def selector_to_json(selector: reservation.Selector) -> dict[str, Any]:
    return dataclasses.asdict(selector)


def selector_from_json(fields: dict[str, Any]) -> reservation.Selector:
    values = dict(fields)
    values['kind'] = reservation.SelectorKind(values['kind'])
    return reservation.Selector(**values)


def _time_to_json(time: datetime.datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def _time_from_json(text: str | None) -> datetime.datetime | None:
    return None if text is None else datetime.datetime.fromisoformat(text)


#: Of a profile's provenance; older rows do not have all of them.
_PROVENANCE_TIMES = ('training_start', 'training_end', 'latest_reading')


def profile_to_json(profile: demand.DemandProfile) -> dict[str, Any]:
    """All of a profile but its token, resource and origin."""
    made_from = dataclasses.asdict(profile.provenance)
    for name in _PROVENANCE_TIMES:
        made_from[name] = _time_to_json(made_from[name])
    return {
        'step': profile.step.total_seconds(),
        'levels': profile.levels,
        'quantiles': profile.quantiles,
        'peak_window': profile.peak_window.total_seconds(),
        'window_peak': profile.window_peak,
        'provenance': made_from,
    }


def profile_from_json(
        token: str, resource: str, origin: datetime.datetime,
        fields: dict[str, Any]) -> demand.DemandProfile:
    made_from = dict(fields['provenance'])
    made_from['model'] = demand.ForecastModel(made_from['model'])
    for name in _PROVENANCE_TIMES:
        made_from[name] = _time_from_json(made_from.get(name))
    for name in ('coverage', 'calibration'):
        made_from[name] = tuple(made_from.get(name, ()))
    return demand.DemandProfile(
        token=token, resource=demand.DemandResource(resource),
        origin=origin,
        step=datetime.timedelta(seconds=fields['step']),
        levels=tuple(fields['levels']),
        quantiles=tuple(tuple(row) for row in fields['quantiles']),
        peak_window=datetime.timedelta(seconds=fields['peak_window']),
        window_peak=tuple(fields['window_peak']),
        provenance=demand.Provenance(**made_from))


def size_to_json(size: reservation.InstanceSize) -> dict[str, Any]:
    """What is not said is as it always was: engines of the release before
    know no other keys."""
    fields = dataclasses.asdict(size)
    if not size.dedicated_cpus:
        del fields['dedicated_cpus']
    return fields


def size_from_json(fields: dict[str, Any]) -> reservation.InstanceSize:
    return reservation.InstanceSize(
        flavor_id=fields['flavor_id'], vcpus=fields['vcpus'],
        memory_mib=fields['memory_mib'], disk_gib=fields['disk_gib'],
        dedicated_cpus=fields.get('dedicated_cpus', False))
