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

"""The command line."""

import argparse
import os
import pathlib
import sys

from pocket_cloud import access
from pocket_cloud import commands
from pocket_cloud import errors
from pocket_cloud import registry
from pocket_cloud import state


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog='pocket-cloud',
        description='The real OpenStack services, and ours, as plain '
                    'processes on this machine. Everything is in one '
                    'folder, listens on 127.0.0.1 only, and is gone after '
                    '"destroy".')
    top.add_argument(
        '--state', type=pathlib.Path, metavar='DIR',
        help='the folder (default: ~/.pocket-cloud, with -OFFSET after it '
             'where there is one)')
    top.add_argument(
        '--port-offset', type=int, default=0, metavar='N',
        help='added to every port, so that two clouds can stand side by '
             'side; a multiple of 100')
    actions = top.add_subparsers(dest='action', required=True)
    for name, text in (
            ('install', 'install packages and the virtual environment'),
            ('start', 'install what is missing and start what is not up')):
        actions.add_parser(name, help=text).add_argument(
            '--with', dest='extras', action='append', default=[],
            choices=registry.EXTRAS,
            help='add this to the cloud; it stays part of it')
    for name, text in (
            ('status', 'say what runs; exit code 1 if something does not'),
            ('destroy', 'end all processes and remove the folder')):
        actions.add_parser(name, help=text)
    stop = actions.add_parser('stop', help='end processes')
    stop.add_argument('services', nargs='*', metavar='SERVICE',
                      help='only of these (default: all)')
    restart = actions.add_parser(
        'restart', help='restart services or single processes')
    restart.add_argument('services', nargs='+', metavar='SERVICE')
    run = actions.add_parser(
        'run', help='run a command as a user of the cloud')
    run.add_argument(
        '--as', dest='cloud', default=access.DEFAULT_CLOUD, metavar='CLOUD',
        help=f'{", ".join(access.CLOUDS)} (default: %(default)s)')
    run.add_argument('command', nargs=argparse.REMAINDER, metavar='CMD')
    logs = actions.add_parser(
        'logs', help='show the logs of a service or process')
    logs.add_argument('service', metavar='SERVICE')
    demo = actions.add_parser('demo', help='see the whole story')
    demo.add_argument(
        '--trace', type=pathlib.Path, metavar='FILE',
        help='CSV with a demand of yours in place of the generated one')
    demo.add_argument(
        '--report', type=pathlib.Path, metavar='FILE',
        help='where the report goes (default: demo-report.html)')
    demo.add_argument('--keep', action='store_true',
                      help='leave the cloud running, and what was made')
    return top


def main() -> int:
    arguments = parser().parse_args()
    try:
        return _dispatch(arguments)
    except errors.PocketCloudError as error:
        print(f'pocket-cloud: {error}', file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read our output has seen enough of it; what Python still
        # has of it must not fail again at the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print('pocket-cloud: interrupted. The same command again goes on '
              'from here; "stop" ends what was started.', file=sys.stderr)
        return 130


def _dispatch(arguments: argparse.Namespace) -> int:
    cloud = state.State(arguments.state, arguments.port_offset)
    if arguments.action in ('install', 'start'):
        _add(cloud, arguments.extras)
    todo = commands.Commands(cloud)
    match arguments.action:
        case 'status':
            return todo.status()
        case 'stop':
            todo.stop(arguments.services)
        case 'restart':
            todo.restart(arguments.services)
        case 'run':
            command = arguments.command
            if command[:1] == ['--']:
                command = command[1:]
            if not command:
                raise errors.PocketCloudError(
                    '"run" wants a command, as in: run openstack server '
                    'list.')
            return todo.run(arguments.cloud, command)
        case 'logs':
            todo.logs(arguments.service)
        case 'demo':
            return todo.demo(_demo_arguments(arguments), arguments.keep)
        case action:
            getattr(todo, action)()
    return 0


def _add(cloud: state.State, extras: list[str]) -> None:
    new = sorted(set(extras) - set(cloud.extras))
    if new and commands.Commands(cloud).is_running():
        # Its database server, for one, reads only at its start who may
        # use it.
        raise errors.PocketCloudError(
            f'The cloud runs without {", ".join(new)}: "stop" it, and '
            f'"start" it again with what is to be added.')
    cloud.add(new)


def _demo_arguments(arguments: argparse.Namespace) -> list[str]:
    given = []
    if arguments.trace is not None:
        given += ['--trace', str(arguments.trace.absolute())]
    if arguments.report is not None:
        given += ['--report', str(arguments.report.absolute())]
    if arguments.keep:
        given.append('--keep')
    return given
