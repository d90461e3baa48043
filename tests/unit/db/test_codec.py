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

"""Policies and templates come back out of the database as they went in."""

import dataclasses
import datetime
import json

from shadow_reserve.db import codec
from shadow_reserve.records import holding
from shadow_reserve.records import reservation
from tests.unit import samples

HOUR = datetime.timedelta(hours=1)

POLICY = reservation.Policy(
    hold=(holding.HoldStep(tier=holding.Tier.SUSPENDED, count=2),
          holding.HoldStep(tier=holding.Tier.OFFLOADED)),
    priority=80, drain_time=HOUR / 60, maximum_uses=3, maximum_age=24 * HOUR,
    schedule=(reservation.ScheduledShadow(
        start='0 18 * * 5', duration=4 * HOUR, quantity=10,
        timezone='Europe/Berlin'),))

TEMPLATE = reservation.InstanceTemplate(
    image_id='image', network_ids=('one', 'two'), security_groups=('web',),
    metadata=(('role', 'web'),), config_drive=True,
    readiness=reservation.Readiness(
        kind=reservation.ReadinessKind.HTTP, port=8080, path='/ready'),
    volumes=(
        reservation.VolumeTemplate(size_gib=1),
        reservation.VolumeTemplate(
            size_gib=10, volume_type='fast',
            attach=reservation.AttachTime.BUILD)))


def through_json(fields):
    return json.loads(json.dumps(fields))


def test_a_policy():
    for policy in (POLICY, reservation.Policy()):
        assert codec.policy_from_json(through_json(
            codec.policy_to_json(policy))) == policy


def test_a_template():
    for template in (TEMPLATE, reservation.InstanceTemplate(image_id='i')):
        assert codec.template_from_json(through_json(
            codec.template_to_json(template))) == template


def test_what_an_older_version_wrote():
    # Given rows from before there were hold tiers
    policy = codec.policy_to_json(reservation.Policy(maximum_shadow=3))
    for name in ('hold', 'priority', 'schedule', 'drain_time',
                 'maximum_uses', 'maximum_age'):
        del policy[name]
    template = codec.template_to_json(TEMPLATE)
    for name in ('config_drive', 'readiness', 'volumes'):
        del template[name]

    # Then what they lack has its default
    assert codec.policy_from_json(policy) == reservation.Policy(
        maximum_shadow=3)
    found = codec.template_from_json(template)
    assert (found.config_drive, found.readiness, found.volumes) == (
        False, None, ())
    assert found.network_ids == ('one', 'two')


def test_sizes_are_what_engines_of_the_release_before_know():
    size = samples.record().size
    fields = codec.size_to_json(size)
    assert fields.keys() == {'flavor_id', 'vcpus', 'memory_mib', 'disk_gib'}
    assert codec.size_from_json(through_json(fields)) == size
    pinned = dataclasses.replace(size, dedicated_cpus=True)
    assert codec.size_from_json(
        through_json(codec.size_to_json(pinned))) == pinned
