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
import dataclasses

import pytest

from shadow_reserve.engine import audit
from shadow_reserve.engine import findings
from shadow_reserve.records import shadow
from shadow_reserve.records import volume
from tests.unit import samples

Kind = findings.Kind
Mend = findings.Mend

OURS = samples.record()
HERE = volume.Volume(
    volume_id='here', project_id=OURS.project_id,
    instance_id=samples.INSTANCE, token=samples.TOKEN, position=0,
    status='in-use', attachments={'a': samples.SERVER},
    created_at=samples.NOW, name='shadow-shop-33333333-0')
#: One that no record has.
LEFT = dataclasses.replace(
    HERE, volume_id='left', status='available', attachments={})
ROW = volume.ShadowVolume(
    instance_id=samples.INSTANCE, position=0, volume_id='here',
    state=volume.VolumeState.ATTACHED, since=samples.NOW, asked_at=None,
    reason='', generation=1)


def found(volumes=(HERE,), rows=(ROW,), **member):
    facts = findings.Facts(
        servers=[samples.server()], claims=None, trusts=[], alarms=[],
        gauges=[],
        reservations={samples.TOKEN: samples.record(trust_id=None)},
        members={samples.TOKEN: [samples.instance(**member)]},
        alarm_rows={}, volumes=volumes, volume_rows=rows)
    return [(finding.kind, finding.identifier, finding.mend)
            for finding in audit.find(facts)]


@pytest.mark.parametrize('given', [
    {}, {'volumes': None}, {'volumes': [], 'rows': []},
    # Cinder was asked, and its answer is not yet written down.
    {'rows': [dataclasses.replace(ROW, volume_id=None)]},
    {'volumes': [HERE, dataclasses.replace(LEFT, status='deleting')]},
    # A tenant who copied metadata to a volume of theirs, or of another
    # project.
    {'volumes': [HERE, dataclasses.replace(LEFT, name='my-own')]},
    {'volumes': [HERE, dataclasses.replace(LEFT, project_id='another')]},
    # Given up to its owner, or about to be.
    {'volumes': [],
     'rows': [dataclasses.replace(ROW, state=volume.VolumeState.TAKEN)]},
    {'volumes': [], 'state': shadow.InstanceState.DELETING},
])
def test_what_agrees_or_is_under_way_is_not_found(given):
    assert found(**given) == []


def test_a_volume_that_no_member_has():
    assert found(volumes=[HERE, LEFT]) == [
        (Kind.VOLUME_WITHOUT_MEMBER, 'left', Mend.DELETE_VOLUME)]


@pytest.mark.parametrize('changes', [
    {'status': 'in-use', 'attachments': {'a': 'somebody'}},
    {'status': 'backing-up'}])
def test_one_that_is_in_use_is_left_to_people(changes):
    assert found(volumes=[HERE, dataclasses.replace(LEFT, **changes)]) == [
        (Kind.VOLUME_WITHOUT_MEMBER, 'left', Mend.HAND)]


def test_one_of_another_deployment_is_left_to_people():
    assert found(volumes=[HERE, dataclasses.replace(
        LEFT, token='of-another')]) == [
        (Kind.VOLUME_UNKNOWN, 'left', Mend.HAND)]


def test_a_volume_that_is_gone():
    assert found(volumes=[]) == [
        (Kind.VOLUME_MISSING, 'here', Mend.ENGINE)]


def test_volumes_are_not_deleted_without_being_asked():
    assert Kind.VOLUME_WITHOUT_MEMBER not in findings.ALONE
