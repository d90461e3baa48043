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

import itertools

from pocket_cloud import errors
from pocket_cloud import ports
import pytest


def test_two_offsets_share_no_port() -> None:
    clouds = [set(ports.Ports(offset).all().values())
              for offset in (0, 100, 200, 11500)]
    for one, other in itertools.combinations(clouds, 2):
        assert not one & other


def test_one_cloud_gives_no_port_twice() -> None:
    found = ports.Ports().all().values()
    assert len(set(found)) == len(found) == len(ports.NAMES)


def test_all_ports_are_below_those_the_kernel_hands_out() -> None:
    assert max(ports.Ports(11500).all().values()) <= ports.LAST


@pytest.mark.parametrize('offset', [1, -100, 150, 11700, 60000])
def test_an_offset_that_would_overlap_is_refused(offset: int) -> None:
    with pytest.raises(errors.PocketCloudError, match='multiple of 100'):
        ports.Ports(offset)


def test_urls_are_on_loopback() -> None:
    assert ports.Ports(200).url('keystone') == 'http://127.0.0.1:21200'
