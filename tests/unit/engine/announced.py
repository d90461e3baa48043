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

"""An event for each type of notification, and the sample made of it.

Run as a module it writes the samples anew.
"""

import datetime
import json
import pathlib

from shadow_reserve.engine import announcement
from shadow_reserve.engine import announcement_types
from shadow_reserve.engine import bus
from shadow_reserve.records import holding
from shadow_reserve.records import journal
from shadow_reserve.records import promotion
from tests.unit import samples

FOLDER = (pathlib.Path(__file__).parents[3] / 'doc' / 'notification_samples')

SECOND = datetime.timedelta(seconds=1)
#: When Aodh changed the state of its alarm.
SIGNALLED = samples.NOW - 4 * SECOND

PROMOTION = promotion.Promotion(
    promotion_id='55555555-5555-4555-8555-555555555555',
    token=samples.TOKEN, instance_id=samples.INSTANCE,
    server_id=samples.SERVER, tier=holding.Tier.SHELVED,
    signal=promotion.Signal(
        source=promotion.Source.ALARM, metric='cpu',
        signalled_at=SIGNALLED, heard_at=SIGNALLED + 0.006 * SECOND),
    claimed_at=SIGNALLED + 0.019 * SECOND,
    requested_at=SIGNALLED + 0.025 * SECOND,
    active_at=SIGNALLED + 2 * SECOND, joined_at=SIGNALLED + 2.5 * SECOND,
    ended_at=samples.NOW + samples.HOUR,
    outcome=promotion.Outcome.ENDED)

_MEMBER = {'instance_id': samples.INSTANCE, 'server_id': samples.SERVER}
_VOLUME = '66666666-6666-4666-8666-666666666666'

#: What the events of each payload have for details.
_DETAILS = {
    'ReservationPayload': {},
    'LeasePayload': {
        **_MEMBER, 'extension': 945.0,
        'end_time': '2026-03-02T22:15:45+00:00', 'amount': '0.063000'},
    'SizePayload': {'quantity': 3, 'total': 7, 'bound': None,
                    'binding': 'vcpu', 'mode': 'active'},
    'FailuresPayload': {'failures': 3},
    'InstancePayload': {**_MEMBER, 'tier': 'shelved'},
    'PromotionPayload': {**_MEMBER, 'tier': 'shelved'},
    'ReturnPayload': {**_MEMBER, 'tier': 'shelved'},
    'VolumePayload': {**_MEMBER, 'volume_id': _VOLUME, 'position': 0},
    'DecisionPayload': {
        'count': 2, 'wanted': 2, 'bound': None, 'acted': True,
        'alarms': ['cpu'], 'mode': 'active',
        'as_of': '2026-03-02T11:59:00+00:00', 'cpu_percent': 91.5,
        'memory_percent': 40.0, 'io_latency_ms': None},
    'AheadPayload': {
        'count': 1, 'wanted': 6, 'members': 5, 'acted': True,
        'until': '2026-03-02T12:05:00+00:00', 'at_least': 0.9,
        'at_most': 0.95, 'level': 0.8, 'mode': 'active'},
    'AheadScorePayload': {
        'of': '88888888-8888-4888-8888-888888888888', 'useful': True,
        'acted': True, 'useful_so_far': 9, 'scored_so_far': 10},
    'AheadSwitchPayload': {'useful': 3, 'scored': 20, 'level': 0.4},
    'AheadUnsurePayload': {'level': 0.8, 'surest': 0.5},
    'NetPayload': {'cause': 'no_data'},
    'HookPayload': {**_MEMBER, 'hook': 'webhook'},
    'ServicePayload': {'service': 'nova'},
    'FindingPayload': {'identifier': samples.INSTANCE},
    'EventPayload': {'answer': 42},
}

_HOSTED = {'host': 'compute-7'}

#: What is particular of a kind: its reason, and further details.
_PARTICULAR = {
    'reservation.creating': ('asked for by user user', {}),
    'reservation.created': (
        'the reservation is pending', {'cost': '4.200000'}),
    'reservation.updated': (
        'its owner changed it', {'changes': {'policy': {}}}),
    'reservation.started': ('the lease has begun', {}),
    'reservation.ending': ('the lease is over', {}),
    'reservation.terminated': ('all that was held for it is gone', {}),
    'reservation.deleting': ('it was asked to be deleted', {}),
    'reservation.deleted': ('all that was held for it is gone', {}),
    'lease.extended': (
        'a shadow instance served for 1:00:00: the lease is 0:15:45 '
        'longer', {}),
    'shadow.sized': ('a peak of 7 instances, of which 4 are there', {}),
    'shadow.builds_stopped': (
        '3 shadow instances failed within an hour', {}),
    'shadow.lent': ('a server of others found no host', _HOSTED),
    'instance.claimed': (
        'its capacity is held by a claim of the service', _HOSTED),
    'instance.unheld': (
        'it was offloaded, and no host that it may be on has room for a '
        'claim: its capacity is not held', {}),
    'instance.released': ('a server of others found no host', _HOSTED),
    'instance.claim_lost': (
        'its server is offloaded now, not shelved any more: Nova let go '
        'of its claim', _HOSTED),
    'instance.hold_changed': (
        'its server is stopped now, not shelved any more', _HOSTED),
    'instance.renamed': (
        'its server was renamed to my-own by someone else; it stays a '
        'member', {}),
    'instance.no_host': (
        'no host that it may be on has room for it just now', {}),
    'instance.promotion_lost': (
        'somebody else took the room that was let go for it (try 1); the '
        'next best host is tried', _HOSTED),
    'promotion.passed_on': (
        'shadow instance 33333333-3333-4333-8333-333333333333 is promoted '
        'in place of 99999999-9999-4999-8999-999999999999: not running '
        'after 0:01:00', {'failed': '99999999-9999-4999-8999-999999999999'}),
    'instance.promoting': ('cpu is at 91.5, over its threshold of 80', {}),
    'instance.allocated': ('its server serves the application', {}),
    'instance.joined': ('it is where the hooks of its policy say', {
        'hooks': ['octavia_pool', 'webhook']}),
    'instance.left': (
        'its hooks are undone, but for those that were given up', {}),
    'instance.hook_failed': (
        'cannot take it to the webhook: no answer within 5 s', {}),
    'trigger.ahead_off': (
        '3 of the last 20 promotions ahead of the alarm were useful', {}),
    'trigger.ahead_unsure': (
        'promote_ahead is 80%, and the forecast can be sure of 50% at most: '
        'nothing is promoted ahead of the alarm; set it to 0.5 or less',
        {}),
    'trigger.net_on': (
        'its alarm cpu has no data; the engine looks at its usage itself',
        {}),
    'trigger.net_off': ('its alarms are of use again', {'cause': None}),
    'instance.returning': ('calm', {}),
    'instance.error': ('not running after 0:10:00', {}),
    'instance.gone': ('its server and its claim are gone', {}),
    'volume.taken': ('somebody else detached it', {}),
    'volume.gone': ('deleted', {'server_id': None}),
    'volume.left': ('in use: it is left to its owner',
                    {'server_id': None}),
    'trigger.exhausted': (
        'cpu is at 91.5, and nothing is available', {
            'count': 0, 'wanted': 2, 'acted': False}),
    'service.unavailable': (
        'nova: no answer within 30 s; it is tried again', {}),
    'service.limited': (
        'gnocchi: of cpu, memory.usage: archive policy brief keeps what is '
        'measured every 300 s for no longer than 24 hours, and 14 days are '
        'read. What is made from less is less sure. To keep as much from '
        'now on: openstack metric archive-policy update '
        '-d granularity:300s,points:4032 brief', {'service': 'gnocchi'}),
    'service.recovered': (
        'all services answer again after 3 passes that failed',
        {'service': None}),
    'audit.claim-left': ('a claim of ours for a member that is in use; '
                         'mended: remove', {}),
}

_ERRORS = frozenset({'instance.error', 'service.refused', 'volume.failed',
                     'shadow.builds_stopped'})
_WARNINGS = frozenset({
    'audit.claim-left', 'instance.claim_lost', 'instance.hook_failed',
    'instance.promotion_lost', 'instance.unheld', 'promotion.passed_on',
    'service.limited', 'service.unavailable',
    'trigger.ahead_off', 'trigger.ahead_unsure', 'trigger.exhausted',
    'trigger.net_on',
    'volume.left', 'volume.lost', 'volume.taken'})

#: States that a member may come from, where the key does not say.
_PREVIOUS = {
    'instance.settling': 'building', 'instance.promoting': 'available',
    'instance.allocated': 'available', 'instance.returning': 'allocated',
    'instance.deleting': 'available', 'instance.error': 'available',
    'instance.available': 'building'}

#: Long after its beginning.
_LATE = ('instance.returning', 'instance.left')


def news(key: str) -> journal.News:
    """An event that a key of the table of types is about."""
    kind, _, previous = key.replace('*', 'claim-left').partition('<')
    previous = previous or _PREVIOUS.get(kind, '')
    _, payload = announcement_types.of(kind, previous)
    reason, details = _PARTICULAR.get(kind, ('as it should be', {}))
    details = {**_DETAILS[payload.name], **details}
    if previous:
        details['previous'] = previous
    severity = (
        journal.Severity.ERROR if kind in _ERRORS
        else journal.Severity.WARNING if kind in _WARNINGS
        else journal.Severity.INFO)
    late = kind in _LATE or previous == 'returning'
    at = (samples.NOW + samples.HOUR if late
          else PROMOTION.claimed_at if kind in (
              'instance.promoting', 'promotion.passed_on')
          else PROMOTION.active_at if kind == 'instance.allocated'
          else PROMOTION.joined_at)
    return journal.News(
        sequence=1207, project_id='0f3a5c1e9d1b4b4f8e4c8a3d2b1a0c9d',
        user_id='7b1e2d3c4f5a69788796a5b4c3d2e1f0',
        last_promotion=PROMOTION, event=journal.Event(
            event_id='77777777-7777-4777-8777-777777777777',
            token=samples.TOKEN, happened_at=at, kind=kind,
            severity=severity, message=reason, details=details))


def sample(one: journal.News) -> dict:
    """What comes to a consumer, but for what is new in every message."""
    told = announcement.of(one)
    return {
        'publisher_id': bus.PUBLISHER_ID,
        'event_type': told.event_type,
        'priority': {'info': 'INFO', 'warning': 'WARN', 'error': 'ERROR'}[
            told.severity.value],
        'payload': told.payload,
    }


def documented() -> dict[str, dict]:
    """The samples by their file names."""
    found = {}
    for key in (*announcement_types.TYPES, 'something.new'):
        one = sample(news(key))
        name = one['event_type'].removeprefix('shadow_reserve.')
        found.setdefault(f'{name.replace(".", "-")}.json', one)
    return found


def text(one: dict) -> str:
    return json.dumps(one, indent=4) + '\n'


if __name__ == '__main__':
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob('*.json'):
        old.unlink()
    for name, one in documented().items():
        (FOLDER / name).write_text(text(one), encoding='utf-8')
