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

"""Nova and Aodh as far as an engine asks them, behind keystoneauth's way.

Answers go through JSON. Servers do at once what they are asked for.
"""

import datetime
import itertools
import json
import uuid

from tests.unit import samples


class Answer:
    def __init__(self, body=None, status_code=200):
        self.status_code = status_code
        self.reason = 'as the test says'
        self._text = json.dumps(body)

    def json(self):
        return json.loads(self._text)


class FakeCloud:
    """``asked`` are all requests, ``changes`` those that are no GET.

    A service in ``down`` answers 503.
    """

    def __init__(self, page=1000):
        self.page = page
        self.servers, self.groups, self.alarms = {}, {}, {}
        self.asked, self.changes, self.down = [], [], set()
        self.now = samples.NOW
        self.quota = 1000
        self.after_page = lambda server_ids: None

    # What happens there

    def add_server(self, server_id=None, project='project',
                   status='ACTIVE', **fields):
        server_id = server_id or str(uuid.uuid4())
        self.servers[server_id] = {
            'id': server_id, 'name': f'server-{server_id[:8]}',
            'tenant_id': project, 'status': status, 'metadata': {},
            'tags': [], 'OS-EXT-STS:task_state': None,
            'OS-EXT-SRV-ATTR:host': 'compute-1',
            'created': self.now.isoformat(), 'updated': self.now,
            'addresses': {}, 'image': {'id': 'image'}, 'flavor': {
                'vcpus': 2, 'ram': 2048, 'disk': 10, 'ephemeral': 0,
                'swap': 0},
            **fields}
        return server_id

    def change_server(self, server_id, **fields):
        self.servers[server_id].update(fields, updated=self.now)

    def add_alarm(self, body):
        alarm_id = str(uuid.uuid4())
        # Every alarm begins without data. Those on high usage have some
        # soon, which most tests do not care to wait for.
        low = body['name'].endswith('_low')
        self.alarms[alarm_id] = {
            'state': 'insufficient data' if low else 'ok', **body,
            'alarm_id': alarm_id,
            'timestamp': self._stamp(),
            'evaluate_timestamp': self._stamp()}
        return alarm_id

    def evaluate(self):
        """As an evaluator of Aodh that stands alone."""
        for alarm in self.alarms.values():
            alarm['evaluate_timestamp'] = self._stamp()

    def _stamp(self):
        return self.now.replace(tzinfo=None).isoformat()

    # How it is asked

    def adapter(self, service):
        return _Adapter(self, service)

    def answer(self, service, method, path, params, body):
        self.asked.append((service, method, path))
        if service in self.down:
            return Answer(status_code=503)
        if method != 'GET' and 'query' not in path:
            self.changes.append((method, path))
        parts = [part for part in path.split('/') if part not in ('', 'v2')]
        name = '_'.join([method.lower(), parts[0].replace('-', '_'),
                         *(parts[1:] if parts[1:] == ['detail'] else [])])
        found = getattr(self, name)(path, params, body)
        if isinstance(found, Answer):
            return found
        return (Answer(status_code=404) if found is None
                else Answer(found))

    def get_servers(self, path, params, body):
        row = self.servers.get(path.rpartition('/')[2])
        if row is None or row['status'] == 'DELETED':
            return None
        return {'server': _shown(row)}

    def get_servers_detail(self, path, params, body):
        since = params.get('changes-since')
        # A server that is deleted still marks; one that is purged doesn't.
        if params.get('marker', '') not in {'', *self.servers}:
            return Answer(status_code=400)
        rows = [
            row for server_id, row in sorted(self.servers.items())
            if server_id > params.get('marker', '')
            and params.get('project_id') in (None, row['tenant_id'])
            and set(filter(None, params.get('tags', '').split(','))
                    ) <= set(row.get('tags', ()))
            and (row['updated'] >= datetime.datetime.fromisoformat(since)
                 if since else row['status'] != 'DELETED')]
        answer = {'servers': [_shown(row) for row in rows[:self.page]]}
        if len(rows) > self.page:
            answer['servers_links'] = [{'rel': 'next'}]
            self.after_page([row['id'] for row in rows[:self.page]])
        return answer

    def get_os_server_groups(self, path, params, body):
        named = path.split('/')[2:]
        if named:
            members = self.groups.get(named[0])
            return None if members is None else {'server_group': {
                'id': named[0], 'members': sorted(members),
                'policy': 'anti-affinity'}}
        start = int(params['offset'])
        return {'server_groups': [
            {'id': group, 'members': sorted(members)}
            for group, members in itertools.islice(
                sorted(self.groups.items()), start, start + self.page)]}

    def get_os_hypervisors(self, path, params, body):
        return {'hypervisor': {'service': {'host': 'compute-2'}}}

    def get_limits(self, path, params, body):
        used = sum(1 for row in self.servers.values()
                   if row['status'] != 'DELETED')
        return {'limits': {'absolute': {
            'maxTotalInstances': self.quota, 'totalInstancesUsed': used,
            'maxTotalCores': -1, 'totalCoresUsed': 0,
            'maxTotalRAMSize': -1, 'totalRAMUsed': 0}}}

    def post_servers(self, path, params, body):
        if path.endswith('/action'):
            row = self.servers.get(path.split('/')[2])
            if row is None or row['status'] == 'DELETED':
                return None
            was, status = {
                'shelve': (('ACTIVE',), 'SHELVED'),
                'unshelve': (('SHELVED', 'SHELVED_OFFLOADED'), 'ACTIVE'),
            }[next(iter(body))]
            if row['status'] not in was:
                return Answer(status_code=409)
            self.change_server(row['id'], status=status)
            return {}
        asked = body['server']
        return {'server': {'id': self.add_server(
            name=asked['name'], metadata=asked['metadata'],
            tags=asked['tags'])}}

    def delete_servers(self, path, params, body):
        self.change_server(path.split('/')[2], status='DELETED', tags=[])
        return {}

    def get_alarms(self, path, params, body):
        alarm_id = path.split('/')[3:]
        if alarm_id:
            return self.alarms.get(alarm_id[0])
        asked = list(params)
        wanted = {key: value for (_, key), (_, value) in itertools.pairwise(
            asked) if key in ('name', 'state')}
        rest = dict(asked)
        if 'marker' in rest and rest['marker'] not in self.alarms:
            return Answer(status_code=500)
        return [
            row for alarm_id, row in sorted(self.alarms.items())
            if alarm_id > rest.get('marker', '')
            and all(row[key] == value for key, value in wanted.items())
        ][:int(rest['limit'])]

    def post_query(self, path, params, body):
        project, query = json.loads(body['filter'])['and']
        assert project == {'=': {'project_id': 'service'}}
        [(field, values)] = query['in'].items()
        assert values
        return [row for _, row in sorted(self.alarms.items())
                if row[field] in values]

    def post_alarms(self, path, params, body):
        return {'alarm_id': self.add_alarm(body)}

    def put_alarms(self, path, params, body):
        self.alarms[path.split('/')[3]].update({
            'evaluate_timestamp': None, **body, 'timestamp': self._stamp()})
        return {}

    def delete_alarms(self, path, params, body):
        self.alarms.pop(path.split('/')[3], None)
        return {}


class _Adapter:
    def __init__(self, cloud, service):
        self._cloud, self._service = cloud, service

    def request(self, path, method, params=(), json=None, **ignored):
        return self._cloud.answer(
            self._service, method, path, params, json)

    def get_project_id(self):
        return 'service'


def _shown(row):
    return {**row, 'updated': row['updated'].isoformat()}
