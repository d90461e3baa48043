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

"""All services, in an order in which each comes after what it needs."""

from pocket_cloud import service
from pocket_cloud.services import aodh
from pocket_cloud.services import catalogue
from pocket_cloud.services import cinder
from pocket_cloud.services import glance
from pocket_cloud.services import gnocchi
from pocket_cloud.services import keystone
from pocket_cloud.services import mariadb
from pocket_cloud.services import memcached
from pocket_cloud.services import neutron
from pocket_cloud.services import nova
from pocket_cloud.services import placement
from pocket_cloud.services import rabbitmq
from pocket_cloud.services import shadow_reserve
from pocket_cloud import state

SERVICES: tuple[type[service.Service], ...] = (
    memcached.Memcached,
    mariadb.MariaDB,
    rabbitmq.Epmd,
    rabbitmq.RabbitMQ,
    keystone.Keystone,
    catalogue.Catalogue,
    placement.Placement,
    glance.Glance,
    neutron.Neutron,
    nova.Nova,
    nova.Computes,
    cinder.Cinder,
    gnocchi.Gnocchi,
    aodh.Aodh,
    catalogue.Resources,
    shadow_reserve.ShadowReserve,
)


#: What can be added to a cloud, each by a name of its own.
EXTRAS = tuple(sorted({kind.group for kind in SERVICES} - {service.CORE}))


def services(cloud: state.State) -> list[service.Service]:
    """The services of one cloud."""
    groups = {service.CORE, *cloud.extras}
    made = [kind(cloud) for kind in SERVICES if kind.group in groups]
    for entry in made:
        if isinstance(entry, mariadb.MariaDB):
            entry.all_databases = tuple(
                other.databases for other in made if other.databases)
        if isinstance(entry, catalogue.Catalogue):
            entry.all_services = tuple(made)
    return made
