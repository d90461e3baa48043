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

import ast
import hashlib
import json
import pathlib
import re

import hypothesis
from hypothesis import strategies as st
import jsonschema
import pytest

import shadow_reserve
from shadow_reserve.db import journal as db_journal
from shadow_reserve.engine import announcement
from shadow_reserve.engine import announcement_types
from shadow_reserve.engine import findings
from shadow_reserve.records import journal
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.trigger import decision
from tests.unit.engine import announced
from tests.unit.engine import one_engine
from tests.unit import samples

SOURCE = pathlib.Path(shadow_reserve.__file__).parent
PAGE = SOURCE.parent / 'doc' / 'source' / 'admin' / 'notifications.rst'
SAMPLES_PAGE = PAGE.with_name('notification-samples.rst')

#: What takes a kind of event, and which argument it is.
RECORDERS = {'record': 3, 'note': 3, 'set_claim': 4, '_set_status': 3,
             '_change': 2}

#: What kinds are made of, where they are not written out.
PARTS = {
    'instance.': shadow.InstanceState,
    'trigger.': decision.Verdict,
    'reservation.': reservation.ReservationStatus,
    'audit.': findings.Kind,
}


FAMILIES = {key.partition('.')[0] for key in announcement_types.TYPES}


def recorded():
    """Kinds of events in the source."""
    kinds = set()
    for path in SOURCE.rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(
                    node.func, ast.Attribute | ast.Name):
                name = getattr(node.func, 'attr',
                               getattr(node.func, 'id', ''))
                if name in RECORDERS:
                    for argument in node.args[RECORDERS[name]:][:1]:
                        kinds |= kinds_of(argument)
            # Kinds that are named, or chosen, before they are recorded.
            elif isinstance(node, ast.Assign):
                for value in getattr(node.value, 'elts', [node.value]):
                    kinds |= {kind for kind in kinds_of(value)
                              if kind.partition('.')[0] in FAMILIES}
            elif isinstance(node, ast.Tuple) and len(node.elts) == 2:
                kinds |= {kind for kind in kinds_of(node.elts[0])
                          if kind.startswith('volume.')}
            elif isinstance(node, ast.JoinedStr):
                kinds |= kinds_of(node)
    return kinds


def kinds_of(node):
    if isinstance(node, ast.Constant):
        return {node.value} if re.fullmatch(
            r'[a-z]+\.[a-z_]+', str(node.value)) else set()
    if isinstance(node, ast.IfExp):
        return kinds_of(node.body) | kinds_of(node.orelse)
    if isinstance(node, ast.JoinedStr) and isinstance(
            node.values[0], ast.Constant) and len(node.values) == 2:
        first = node.values[0].value
        return {f'{first}{part.value}' for part in PARTS.get(first, ())}
    return set()


def test_every_kind_of_event_has_a_type():
    kinds = recorded()
    assert {'instance.promoting', 'instance.claim_lost', 'volume.attached',
            'reservation.started', 'trigger.exhausted', 'lease.extended',
            'service.refused', 'audit.claim-left'} <= kinds
    unknown = {kind for kind in kinds
               if announcement_types.of(kind)[1] is announcement_types.EVENT
               # Reservations are never recorded to be these.
               and kind not in ('reservation.pending', 'reservation.active',
                                'reservation.error')}
    assert not unknown, 'give them a line in announcement_types.TYPES'


def test_a_story_of_the_engine_fits_its_schemas():
    # Given a reservation that is built for, alarmed, served and ended
    world = one_engine.World()
    world.add()
    world.forecast(4.0, 8.0, 12.0, 16.0)
    world.settle()
    world.set_alarms('alarm')
    world.source.cpu = 95.0
    for _ in range(8):
        world.round()
        world.work()
    for hours in (2, 14):
        world.round(hours * samples.HOUR)
        world.work()
    # When all that happened is announced
    told = [announcement.of(news) for news in world.database.read(
        lambda session: db_journal.list_unannounced(session, 10_000))]
    # Then it was all of this, and as promised
    assert {one.event_type.removeprefix('shadow_reserve.')
            for one in told} >= {
        'build.start', 'build.end', 'promotion.start', 'promotion.end',
        'lease.extended', 'reservation.ending', 'shadow.sized',
        'trigger.promote', 'deletion.start'}
    for one in told:
        assert_fits(one.payload)
    ends = [data(one.payload) for one in told
            if one.event_type == 'shadow_reserve.promotion.end']
    assert ends and all(
        end['source'] and end['claimed_at'] <= end['active_at']
        and end['active_at'] == end['happened_at'] for end in ends)


def data(payload):
    return payload['shadow_reserve_object.data']


def assert_fits(payload):
    payloads = {one.name: one for one in all_payloads()}
    one = payloads[payload['shadow_reserve_object.name']]
    assert payload['shadow_reserve_object.version'] == one.version
    assert payload['shadow_reserve_object.namespace'] == 'shadow_reserve'
    jsonschema.validate(
        data(payload), announcement_types.schema_of(one),
        format_checker=jsonschema.FormatChecker())


def all_payloads():
    return {id(payload): payload for payload in (
        *(payload for _, payload in announcement_types.TYPES.values()),
        announcement_types.EVENT)}.values()


@pytest.mark.parametrize('name, one', announced.documented().items())
def test_a_sample_is_what_is_sent(name, one):
    assert_fits(one['payload'])
    assert (announced.FOLDER / name).read_text() == announced.text(one), (
        'write it anew: python -m tests.unit.engine.announced')


def test_there_is_no_sample_of_anything_else():
    assert {path.name for path in announced.FOLDER.iterdir()} == set(
        announced.documented())


def test_every_type_and_field_is_documented():
    page, shown = PAGE.read_text(), SAMPLES_PAGE.read_text()
    for name, one in announced.documented().items():
        if name != 'event-something-new.json':
            assert f'``{one["event_type"]}``' in page
        assert f'notification_samples/{name}\n' in shown
    for payload in all_payloads():
        assert f'``{payload.name}`` {payload.version}' in page
        for field in (*announcement_types.COMMON, *payload.fields):
            assert f'``{field}``' in page, field


#: Change none of these: give a payload that changed another version.
FINGERPRINTS = {
    'AheadPayload 1.0': '22d506562078addb',
    'AheadScorePayload 1.0': '54371fd7e2d4b7ad',
    'AheadSwitchPayload 1.0': '82cf470e75b49336',
    'AheadUnsurePayload 1.0': '02867c47c3125959',
    'DecisionPayload 1.0': '8535846f7320f959',
    'EventPayload 1.0': 'eece787834d7d692',
    'FailuresPayload 1.0': '3b783706f6c3b577',
    'FindingPayload 1.0': '9f98c9e011638a69',
    'HookPayload 1.0': '6270a03957025482',
    'InstancePayload 1.0': 'fa27313d59219eab',
    'LeasePayload 1.0': '049f940ef1280328',
    'NetPayload 1.0': 'd495af7155a481eb',
    'PromotionPayload 1.0': 'aec17c3f658fcde3',
    'ReservationPayload 1.0': '7b054e39728e6b0b',
    'ReturnPayload 1.0': '325ab7f8b6edbb34',
    'ServicePayload 1.0': '7e60abfcd5994004',
    'SizePayload 1.0': '6cc5bd3c9bb155e6',
    'VolumePayload 1.0': 'a5455584e62c304c',
}


def test_a_payload_that_changes_gets_another_version():
    def fingerprint(payload):
        return hashlib.sha256(json.dumps(
            announcement_types.schema_of(payload),
            sort_keys=True).encode()).hexdigest()[:16]
    assert {f'{payload.name} {payload.version}': fingerprint(payload)
            for payload in all_payloads()} == FINGERPRINTS


def test_what_came_later_is_not_told():
    # Given a promotion that is over since
    start = announcement.of(announced.news('instance.promoting'))
    end = announcement.of(announced.news('instance.allocated<promoting'))
    # Then each phase tells what was known then
    legs = ('claimed_at', 'requested_at', 'active_at', 'joined_at',
            'ended_at')
    assert [bool(data(start.payload)[leg]) for leg in legs] == [
        True, False, False, False, False]
    assert [bool(data(end.payload)[leg]) for leg in legs] == [
        True, True, True, False, False]


def test_details_are_told_only_where_the_payload_has_them():
    news = announced.news('instance.promoting')
    news.event.details.update(trust_id='secret', token='mine')
    told = announcement.of(news)
    assert 'secret' not in json.dumps(told.payload)
    assert data(told.payload)['token'] == samples.TOKEN


def test_of_a_change_only_the_names_are_told():
    news = announced.news('reservation.updated')
    news.event.details['changes'] = {'policy': {'url': 'https://u:pw@h'}}
    told = announcement.of(news)
    assert data(told.payload)['changed'] == ['policy']
    assert 'pw' not in json.dumps(told.payload)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(), inner, max_size=3), max_leaves=5)


@hypothesis.given(
    kind=st.sampled_from(sorted(announcement_types.TYPES)) | st.text(),
    details=st.dictionaries(
        st.sampled_from(['previous', 'changes', 'host', 'count'])
        | st.text(), JSON, max_size=4))
def test_no_event_is_too_odd_to_be_announced(kind, details):
    told = announcement.of(journal.News(
        sequence=1, project_id='project', user_id='user',
        last_promotion=announced.PROMOTION, event=journal.Event(
            event_id='77777777-7777-4777-8777-777777777777',
            token=samples.TOKEN, happened_at=samples.NOW, kind=kind,
            severity=journal.Severity.INFO, message='', details=details)))
    assert told.event_type.startswith('shadow_reserve.')
    json.dumps(told.payload)
