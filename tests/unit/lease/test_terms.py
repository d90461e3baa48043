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

import datetime
import decimal
import itertools

from hypothesis import given
from hypothesis import strategies as st
import pytest

from shadow_reserve.lease import terms
from tests.unit import samples

RATES = {'VCPU': decimal.Decimal('0.02'),
         'MEMORY_GB': decimal.Decimal('0.005')}


def test_an_hour_costs_what_the_rate_card_says():
    # 2 vCPUs at 0.02 and 2 GB at 0.005; disk has no price here
    assert terms.price(samples.record().size, RATES, samples.HOUR) == (
        decimal.Decimal('0.05'))


def test_shadow_used_extends_in_proportion_to_the_primary_hours():
    # given ten hours of four instances
    record = samples.record()
    start = record.start_time

    # when shadow has served for four instance-hours of forty contracted, in
    # the middle of which eight hours remained
    longer = terms.extension(record, start, start + 4 * samples.HOUR)

    assert longer == 0.1 * 8 * samples.HOUR


@given(begin=st.floats(0, 0.9), cuts=st.lists(st.floats(0, 1), max_size=20))
def test_a_use_extends_as_much_in_pieces_as_in_one(begin, cuts):
    record = samples.record()
    start = record.start_time + begin * record.duration
    length = record.end_time - start
    whole = terms.extension(record, start, record.end_time)
    stamps = [start, *(start + cut * length for cut in sorted(cuts)),
              record.end_time]
    pieces = sum((terms.extension(record, one, other) for one, other
                  in itertools.pairwise(stamps)), datetime.timedelta())
    assert abs(pieces - whole) < datetime.timedelta(milliseconds=1)


@pytest.mark.parametrize('left, after', [
    (5 * samples.HOUR, samples.HOUR), (samples.MINUTE, samples.MINUTE),
    (datetime.timedelta(0), datetime.timedelta(seconds=10))])
def test_a_use_is_settled_the_sooner_the_nearer_the_end(left, after):
    record = samples.record()
    assert terms.settle_after(
        record, samples.HOUR, record.end_time - left) == after


def test_all_extensions_together_stay_within_the_policy():
    record = samples.record(
        policy=samples.policy(maximum_extension=0.1),
        duration=datetime.timedelta(hours=10, minutes=55))

    longer = terms.extension(
        record, record.start_time, record.start_time + 8 * samples.HOUR)

    assert longer == 5 * samples.MINUTE


def test_a_lease_that_is_over_is_not_extended():
    record = samples.record()
    assert not terms.extension(
        record, record.end_time, record.end_time + samples.HOUR)


@given(used=st.timedeltas(min_value=datetime.timedelta(0),
                          max_value=datetime.timedelta(days=300)),
       into=st.timedeltas(min_value=datetime.timedelta(days=-1),
                          max_value=datetime.timedelta(days=30)))
def test_no_use_extends_a_lease_backwards_or_beyond_its_bound(used, into):
    record = samples.record()
    start = record.start_time + into
    longer = terms.extension(record, start, start + used)
    assert datetime.timedelta(0) <= longer <= 5 * samples.HOUR


@given(pieces=st.lists(st.integers(1, 10**10), min_size=1, max_size=20))
def test_a_use_costs_the_same_in_pieces_as_in_one(pieces):
    size = samples.record().size
    lengths = [datetime.timedelta(microseconds=piece) for piece in pieces]

    apart = sum(terms.price(size, RATES, length) for length in lengths)
    whole = terms.price(size, RATES, sum(lengths, datetime.timedelta()))

    # each entry is rounded to a millionth
    assert abs(apart - whole) <= decimal.Decimal('0.000001') * len(pieces)


@pytest.mark.parametrize('texts, said', [
    ({'GPU': '1'}, 'GPU has no price here; use one of VCPU'),
    ({'VCPU': 'cheap'}, "must be a number >= 0, not 'cheap'"),
    ({'VCPU': '-1'}, "must be a number >= 0, not '-1'"),
    ({'VCPU': 'NaN'}, "must be a number >= 0, not 'NaN'"),
])
def test_a_wrong_rate_is_named(texts, said):
    with pytest.raises(ValueError, match=said):
        terms.parse_rates(texts)
