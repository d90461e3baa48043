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

"""Which idle shadow to give back, so that as little as can be is lost.

What a member is worth is the probability that it will be used, times the
priority of its reservation.
"""

from collections.abc import Hashable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import math
import statistics
from typing import TypeVar

from shadow_reserve.records import capacity
from shadow_reserve.records import demand
from shadow_reserve.records import shadow

K = TypeVar('K', bound=Hashable)

_NORMAL = statistics.NormalDist()

#: Of the first member of a reservation that has no forecast, as likely as
#: not; of each further one, this much of the one before.
_UNKNOWN = 0.5

#: Combinations that are all tried before it becomes a rule of thumb.
_MOST_COMBINATIONS = 20_000

#: These a host may be without: something shared has them then.
_SHAREABLE = frozenset({'DISK_GB'})


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A member that could be given back: its worth, and what it frees."""

    instance_id: str
    token: str
    host: str
    resources: Mapping[str, int]
    value: float


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Shortage:
    """Amounts that are to become free, anywhere on some hosts."""

    hosts: frozenset[str]
    amounts: Mapping[str, int]
    reason: str


def probability_of_more(
        profile: demand.DemandProfile, amount: float) -> float:
    """That the peak of the window exceeds ``amount``.

    The inverse of ``records.levels``: linear in the normal score between
    two quantiles, and beyond the last as it is between the first and the
    last. Below the first it goes up evenly to certainty at zero.

    :raises ValueError: when the profile is not usable
    """
    if not profile.is_usable:
        raise ValueError(profile.summary)
    known, values = profile.levels, profile.window_peak
    if amount < values[0]:
        return 1 - known[0] * max(amount, 0.0) / values[0]
    right = next((index for index, value in enumerate(values)
                  if value > amount), None)
    left = 0 if right is None else right - 1
    right = len(values) - 1 if right is None else right
    if values[right] <= values[left]:
        return (1 - known[-1]) if amount <= values[-1] else 0.0
    low, high = (_NORMAL.inv_cdf(known[index]) for index in (left, right))
    share = (amount - values[left]) / (values[right] - values[left])
    return 1 - _NORMAL.cdf(low + share * (high - low))


def probability_of_use(
        holding: capacity.Holding, profiles: Iterable[demand.DemandProfile],
        others: int) -> float | None:
    """That an instance is needed beside ``others`` of its application;
    ``None`` when there is no forecast to tell it by."""
    size, policy = holding.record.size, holding.record.policy
    each = {demand.DemandResource.VCPU: float(size.vcpus),
            demand.DemandResource.MEMORY: float(size.memory_mib)}
    chances = [
        probability_of_more(profile, others * each[profile.resource]
                            * policy.target_utilisation)
        for profile in profiles
        if profile.is_usable and each.get(profile.resource)]
    return max(chances, default=None)


def candidates(
        holdings: Iterable[capacity.Holding],
        profiles: Mapping[str, Sequence[demand.DemandProfile]],
) -> list[Candidate]:
    """The members that are held and not lent, with what each is worth.

    They are worth the less, the later they would be promoted. The primary
    instances are taken to be as many as are reserved.

    :param profiles: by the token of the reservation
    """
    found: list[Candidate] = []
    by_token: dict[str, list[capacity.Holding]] = {}
    for holding in holdings:
        by_token.setdefault(holding.record.token, []).append(holding)
    for token, group in by_token.items():
        record = group[0].record
        order = {step.tier: place
                 for place, step in enumerate(record.policy.hold)}
        others = record.quantity + sum(
            holding.member.state in shadow.SERVING_STATES
            for holding in group)
        idle = sorted(
            (holding for holding in group
             if holding.is_held and holding.member.lent_at is None),
            key=lambda holding: (
                order.get(holding.member.tier, len(order)),
                holding.member.created_at, holding.member.instance_id))
        for place, holding in enumerate(idle):
            chance = probability_of_use(
                holding, profiles.get(token, ()), others + place)
            if chance is None:
                chance = _UNKNOWN ** (place + 1)
            found.append(Candidate(
                instance_id=holding.member.instance_id, token=token,
                host=holding.member.host or '',
                resources=holding.resources,
                value=chance * record.policy.priority))
    return found


def fits(resources: Mapping[str, int], free: Mapping[str, int]) -> bool:
    """Whether there is room on a host for something.

    :param free: what is free there, of each class that the host has
    """
    return all(amount <= free.get(
        name, math.inf if name in _SHAREABLE else 0)
        for name, amount in resources.items())


def for_need(
        need: Mapping[str, int], free: Mapping[str, Mapping[str, int]],
        idle: Iterable[Candidate]) -> list[Candidate] | None:
    """What to give back so that a server finds a host.

    Of all the hosts it is the one on which the least value is lost.

    :param free: what is free on each host that the server may be on
    :returns: nothing, when it fits as it is; ``None`` when nothing that
        could be given back would help
    """
    if any(fits(need, room) for room in free.values()):
        return []
    on_host: dict[str, list[Candidate]] = {}
    for one in idle:
        on_host.setdefault(one.host, []).append(one)
    answers: list[tuple[float, int, str, list[Candidate]]] = []
    for host in free.keys() & on_host.keys():
        short = {name: amount - free[host].get(name, 0)
                 for name, amount in need.items()
                 if name in free[host] or name not in _SHAREABLE}
        given = _cheapest(
            [(one, one.resources) for one in on_host[host]], short)
        if given is not None:
            answers.append((sum(one.value for one in given), len(given),
                            host, given))
    return min(answers)[3] if answers else None


def for_shortages(shortages: Sequence[Shortage],
                  idle: Iterable[Candidate]) -> list[Candidate]:
    """What to give back so that shortages end; where all that is idle is
    too little, all that helps."""
    needs = {(number, name): amount
             for number, shortage in enumerate(shortages)
             for name, amount in shortage.amounts.items()}
    gains: list[tuple[Candidate, dict[tuple[int, str], int]]] = []
    attainable: dict[tuple[int, str], int] = {}
    for one in idle:
        gain = {
            (number, name): one.resources[name]
            for number, shortage in enumerate(shortages)
            if one.host in shortage.hosts
            for name in shortage.amounts.keys() & one.resources.keys()}
        gains.append((one, gain))
        for key, amount in gain.items():
            attainable[key] = attainable.get(key, 0) + amount
    return _cheapest(gains, {
        key: min(amount, attainable.get(key, 0))
        for key, amount in needs.items()}) or []


def _cheapest(items: Iterable[tuple[Candidate, Mapping[K, int]]],
              needs: Mapping[K, int]) -> list[Candidate] | None:
    """The least valuable items that together gain what is needed."""
    wanted = {key: amount for key, amount in needs.items() if amount > 0}
    groups: dict[tuple[int, ...], list[Candidate]] = {}
    for one, gain in items:
        gained = tuple(gain.get(key, 0) for key in wanted)
        if any(gained):
            groups.setdefault(gained, []).append(one)
    # Of those that gain the same, the cheaper ones always go first.
    for group in groups.values():
        group.sort(key=lambda one: (one.value, one.instance_id))
    short = tuple(wanted.values())
    counts = {gained: min(len(group), _enough(gained, short))
              for gained, group in groups.items()}
    if any(sum(gained[index] * counts[gained] for gained in groups) < amount
           for index, amount in enumerate(short)):
        return None
    if math.prod(count + 1 for count in counts.values()) \
            <= _MOST_COMBINATIONS:
        return _exactly(groups, counts, short)
    return _roughly(groups, short)


def _enough(gained: tuple[int, ...], short: tuple[int, ...]) -> int:
    """How many items of a kind are enough, as far as they help at all."""
    return max(-(-amount // gain)
               for gain, amount in zip(gained, short) if gain)


def _exactly(groups: Mapping[tuple[int, ...], list[Candidate]],
             counts: Mapping[tuple[int, ...], int],
             short: tuple[int, ...]) -> list[Candidate]:
    kinds = sorted(groups)
    best: tuple[float, int, list[Candidate]] = (math.inf, 0, [])

    def take(number: int, left: tuple[int, ...], value: float,
             taken: list[Candidate]) -> None:
        nonlocal best
        if (value, len(taken)) >= best[:2]:
            return
        if all(amount <= 0 for amount in left):
            best = (value, len(taken), taken)
            return
        if number == len(kinds):
            return
        kind = kinds[number]
        for count in range(counts[kind] + 1):
            more = groups[kind][:count]
            take(number + 1,
                 tuple(amount - gain * count
                       for gain, amount in zip(kind, left)),
                 value + sum(one.value for one in more), taken + more)
    take(0, short, 0.0, [])
    return best[2]


def _roughly(groups: Mapping[tuple[int, ...], list[Candidate]],
             short: tuple[int, ...]) -> list[Candidate]:
    """The cheapest ones first; then those are spared, the dearest first,
    that the others make needless."""
    left = list(short)
    taken: list[tuple[Candidate, tuple[int, ...]]] = []
    items = sorted(
        ((one, gained) for gained, group in groups.items() for one in group),
        key=lambda item: (item[0].value, item[0].instance_id))
    for one, gained in items:
        if all(amount <= 0 for amount in left):
            break
        if any(gain and amount > 0 for gain, amount in zip(gained, left)):
            taken.append((one, gained))
            left = [amount - gain for gain, amount in zip(gained, left)]
    spared = set()
    for one, gained in reversed(taken):
        without = [amount + gain for gain, amount in zip(gained, left)]
        if all(amount <= 0 for amount in without):
            spared.add(one.instance_id)
            left = without
    return [one for one, _ in taken if one.instance_id not in spared]
