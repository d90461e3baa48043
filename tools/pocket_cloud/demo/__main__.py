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


"""``python -m pocket_cloud.demo``, in the environment of a pocket cloud."""

import argparse
import logging
import os
import pathlib
import signal
import sys
import types

from pocket_cloud.demo import stage as demo_stage
from pocket_cloud.demo import story
from pocket_cloud.demo import trace
from pocket_cloud.demo import traces_csv
from pocket_cloud import errors
from pocket_cloud import progress


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(
        prog='pocket-cloud demo',
        description='The whole story of shadow_reserve on the services of '
                    'a pocket cloud that is up. Ends with 0 only if every '
                    'step was as it must be.',
        epilog=traces_csv.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument(
        '--trace', type=pathlib.Path, metavar='FILE.csv',
        help='your own demand in place of the generated one; see below')
    result.add_argument(
        '--report', type=pathlib.Path, metavar='FILE',
        default=pathlib.Path('demo-report.html'),
        help='where the report goes (default: %(default)s)')
    result.add_argument(
        '--keep', action='store_true',
        help='leave the reservation, the servers and their measures')
    return result


def main() -> int:
    arguments = parser().parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    # The services are told on in our own words.
    logging.disable(logging.WARNING)
    try:
        return _run(arguments)
    except errors.PocketCloudError as error:
        print(f'demo: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('demo: interrupted', file=sys.stderr)
        return 130


def _interrupt(number: int, frame: types.FrameType | None) -> None:
    raise KeyboardInterrupt


def _run(arguments: argparse.Namespace) -> int:
    if 'OS_CLIENT_CONFIG_FILE' not in os.environ:
        raise errors.PocketCloudError(
            'This runs within a pocket cloud: use "tools/pocket-cloud '
            'demo".')
    if not arguments.report.absolute().parent.is_dir():
        raise errors.PocketCloudError(
            f'--report {arguments.report}: there is no such folder.')
    past = traces_csv.read(arguments.trace) if arguments.trace \
        else trace.generate()
    stage = demo_stage.Stage(past, arguments.trace is not None)
    story.tell(stage, arguments.report, arguments.keep)
    progress.say(f'Everything was as it must be, in '
                 f'{stage.record.seconds:.0f} s.')
    return 0


if __name__ == '__main__':
    sys.exit(main())
