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

"""``shadow-reserve-backtest``: what shadow would have been worth.

It needs no service of ours: a file of usage, or a cloud's Gnocchi, is all.
It reads, and changes nothing anywhere.
"""

import argparse
from collections.abc import Callable
from collections.abc import Sequence
import datetime
import io
import json
import os
import pathlib
import re
import sys

from shadow_reserve.cloud import exceptions
from shadow_reserve.cmd import backtest_input
from shadow_reserve.cmd import progress
from shadow_reserve.usage.backtesting import advice
from shadow_reserve.usage.backtesting import assessment
from shadow_reserve.usage.backtesting import grouping
from shadow_reserve.usage.backtesting import replay
from shadow_reserve.usage.backtesting.report import page
from shadow_reserve.usage.backtesting.report import text
from shadow_reserve.usage import file_source
from shadow_reserve.usage import series as series_module
from shadow_reserve.usage import settings as settings_module
from shadow_reserve.usage import tables

STEP = datetime.timedelta(minutes=5)
FAILED, INTERRUPTED = 1, 130
#: Beyond these an option is a slip, and nothing that is drawn or written of
#: it makes sense.
MOST_DAYS = file_source.LONGEST.days
MOST, DEAREST, TINIEST = 1_000_000, 1e9, 1e-9
#: A build, with the time to the next decision, is a day at most.
LONGEST_BUILD = 24 * 60 - replay.Clock().step
#: Of the random numbers of scikit-learn.
LAST_SEED = 2 ** 32 - 1


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0; 1 with a message; 2 for the arguments; 130."""
    _print_anything()
    parser = _parser()
    options = parser.parse_args(arguments)
    _check(parser, options)
    bar = progress.Bar(sys.stderr)
    notes: tuple[str, ...] = ()
    try:
        series, notes = _read(options, bar)
        found = assessment.assess(series, _plan(options), bar, notes)
        # Files first: what becomes of a pipe must not cost them.
        written, failed = _write(options, found)
        print(text.rendered(found), end='')
        for path in written:
            print(f'Written: {path}')
    except (tables.BadFile, assessment.NothingToTest,
            backtest_input.NoCloud, exceptions.CloudError,
            OSError) as error:
        bar.stop()
        # What was done to the readings may be why.
        for note in notes:
            print(f'Note: {note}.', file=sys.stderr)
        print(f'{parser.prog}: {error}', file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        bar.stop()
        return INTERRUPTED
    for each in failed:
        print(f'{parser.prog}: {each}', file=sys.stderr)
    return FAILED if failed else 0


def _write(options: argparse.Namespace, found: assessment.Assessment,
           ) -> tuple[list[pathlib.Path], list[OSError]]:
    """The files that were asked for: which are written, and why some not."""
    contents: list[tuple[pathlib.Path, str]] = []
    if options.html:
        contents.append((options.html, page.rendered(found)))
    if options.json:
        contents.append((options.json, json.dumps(
            text.as_json(found), indent=1, allow_nan=False) + '\n'))
    written: list[pathlib.Path] = []
    failed: list[OSError] = []
    for path, content in contents:
        try:
            path.write_text(content, encoding='utf-8')
            written.append(path)
        except OSError as error:
            failed.append(error)
    return written, failed


def _print_anything() -> None:
    """What a terminal has no letters for is spelt out."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors='backslashreplace')


def _read(options: argparse.Namespace, bar: progress.Bar) -> tuple[
        list[series_module.DemandSeries], tuple[str, ...]]:
    """The applications' series, and notes about reading them."""
    if options.gnocchi:
        days = options.train_days + options.test_days
        return backtest_input.from_gnocchi(
            options.os_cloud, options.group_by, STEP, days,
            datetime.datetime.now(datetime.UTC), bar)
    series, notes = backtest_input.from_file(options.file, STEP)
    if options.group_by:
        return grouping.summed(grouping.by_pattern(
            series, options.group_by)), notes
    if options.vms_per_application > 1:
        return grouping.summed(grouping.by_number(
            series, options.vms_per_application, options.seed)), notes
    return series, notes


def _plan(options: argparse.Namespace) -> assessment.Plan:
    clock = replay.Clock(build=options.build_minutes,
                         promotion=options.promotion_minutes)
    prices = None
    if options.price_hold is not None:
        prices = advice.Prices(
            hold=options.price_hold, use=options.price_use,
            short=options.price_short)
    # The build, and until the next decision.
    window = datetime.timedelta(minutes=clock.build + clock.step)
    return assessment.Plan(
        settings=settings_module.ForecastSettings(
            step=STEP, peak_window=window,
            threads=len(os.sched_getaffinity(0))),
        clock=clock, training_days=options.train_days, unit=options.unit,
        margin=options.safety_margin, sample=options.sample or None,
        prices=prices, target=options.target, seed=options.seed)


def _check(parser: argparse.ArgumentParser,
           options: argparse.Namespace) -> None:
    """What argparse cannot see; ends the process with code 2."""
    if (options.file is None) == (not options.gnocchi):
        parser.error('give a FILE, or --gnocchi')
    if options.gnocchi and options.vms_per_application > 1:
        parser.error('--vms-per-application is for files; with --gnocchi '
                     'use --group-by server_group')
    if options.group_by and options.vms_per_application > 1:
        parser.error('give --group-by or --vms-per-application, not both')
    if options.price_hold is None and (options.price_use
                                       or options.price_short):
        parser.error('--price-use and --price-short take --price-hold too')
    for name, path in (('--html', options.html), ('--json', options.json)):
        if path is not None and (wrong := _unwritable(path, options.file)):
            parser.error(f'{name}: {wrong}')
    if options.html and options.json and _same(options.html, options.json):
        parser.error('--html and --json are one file: give two')
    if options.file and options.group_by:
        try:
            re.compile(options.group_by)
        except re.error as error:
            parser.error(f'--group-by: {options.group_by!r} is no regular '
                         f'expression: {error}')


def _unwritable(path: pathlib.Path,
                usage: pathlib.Path | None) -> str | None:
    """What is wrong with a path to write to, if anything is.

    :param usage: the file that is read, which must not be written over
    """
    # Of os.path, which raises nothing, whatever a path may be.
    parent = path.absolute().parent
    if not os.path.isdir(parent):
        return f'there is no folder {path.parent}'
    if os.path.isdir(path):
        return f'{path} is a folder: give a file'
    if usage is not None and _same(path, usage):
        return f'{path} is the file of the usage: give another'
    if not os.access(path if os.path.exists(path) else parent, os.W_OK):
        return f'{path} cannot be written by this user: give another'
    return None


def _same(one: pathlib.Path, other: pathlib.Path) -> bool:
    """Are they one file, by whatever names?

    A device or a pipe is none: nothing in it is written over.
    """
    if os.path.exists(one) and os.path.exists(other):
        return os.path.isfile(one) and os.path.samefile(one, other)
    return os.path.realpath(one) == os.path.realpath(other)


def _bounded(kind: type[int] | type[float], low: float, high: float, *,
             above: bool = False) -> Callable[[str], float]:
    """An argparse type with bounds; ``above`` leaves ``low`` itself out."""
    def convert(given: str) -> float:
        value: float = kind(given)
        if not low <= value <= high or (above and value == low):
            raise argparse.ArgumentTypeError(
                f'{given} is not {"above" if above else "at least"} {low:g} '
                f'and at most {high:.10g}')
        if 0 < value < TINIEST:
            raise argparse.ArgumentTypeError(
                f'{given} is too near to 0: give at least {TINIEST:g}')
        return value
    # What argparse calls a value that is none.
    convert.__name__ = {int: 'whole number', float: 'number'}[kind]
    return convert


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='shadow-reserve-backtest', description=(
            'What shadow capacity would have been held, and what it would '
            'have saved, on usage of the past.'))
    count, price = _bounded(int, 1, MOST), _bounded(float, 0, DEAREST)
    parser.add_argument(
        'file', nargs='?', type=pathlib.Path, metavar='FILE',
        help='CSV (.gz too) or Parquet: a time column and one column for '
             'each series, or the columns series, timestamp, value')
    where = parser.add_argument_group('where the usage comes from')
    where.add_argument(
        '--gnocchi', action='store_true',
        help='busy vCPUs out of the Gnocchi of a cloud in clouds.yaml')
    where.add_argument(
        '--os-cloud', metavar='NAME',
        help='its name there (default: OS_CLOUD)')
    where.add_argument(
        '--group-by', metavar='HOW',
        help='what makes an application: of a file, a regular expression '
             'on the names of the series, whose first group counts; of '
             'Gnocchi, an attribute of instances, server_group for one')
    where.add_argument(
        '--vms-per-application', type=count, default=1, metavar='N',
        help='sum up so many series of a file, drawn at random')
    how = parser.add_argument_group('how it is replayed')
    how.add_argument(
        '--unit', type=_bounded(
            float, 0, series_module.LARGEST_PLAUSIBLE, above=True),
        help='what one server carries, in the unit of the series: its vCPUs '
             'x the target utilisation, for one (default: a 20th of the '
             '99th percentile of each application)')
    how.add_argument('--train-days', type=_bounded(int, 2, MOST_DAYS),
                     default=14, metavar='DAYS',
                     help='(default: %(default)s)')
    how.add_argument(
        '--test-days', type=_bounded(int, 1, MOST_DAYS), default=14,
        metavar='DAYS',
        help='asked of Gnocchi beyond those; of a file, all that is left is '
             'taken (default: %(default)s)')
    how.add_argument('--build-minutes',
                     type=_bounded(int, 0, LONGEST_BUILD), default=5,
                     metavar='M', help='of a cold build (default: '
                                       '%(default)s)')
    how.add_argument('--promotion-minutes',
                     type=_bounded(int, 0, LONGEST_BUILD), default=0,
                     metavar='M',
                     help='of a shadow server (default: %(default)s)')
    how.add_argument('--safety-margin', type=_bounded(float, 0, 10),
                     default=0.02, metavar='SHARE',
                     help='on top of the forecast, as in the policy '
                          '(default: %(default)s)')
    how.add_argument('--sample', type=_bounded(int, 0, MOST), default=250,
                     metavar='N', help='most applications to look at, drawn '
                     'at random; 0 for all (default: %(default)s)')
    how.add_argument('--seed', type=_bounded(int, 0, LAST_SEED), default=1,
                     help='of all that is drawn (default: %(default)s)')
    what = parser.add_argument_group('what is recommended')
    what.add_argument('--price-hold', type=price, metavar='P',
                      help='of a server-hour of shadow held')
    what.add_argument('--price-use', type=price, default=0.0, metavar='P',
                      help='of a server-hour in which shadow serves what '
                           'would have been short')
    what.add_argument('--price-short', type=price, default=0.0, metavar='P',
                      help='of a minute in which one server is missing')
    what.add_argument('--target', type=_bounded(float, 0, 1), default=0.9,
                      metavar='SHARE',
                      help='of the minutes short to avoid, where no price '
                           'of them is given (default: %(default)s)')
    out = parser.add_argument_group('what is written')
    out.add_argument('--html', type=pathlib.Path, metavar='OUT.html')
    out.add_argument('--json', type=pathlib.Path, metavar='OUT.json')
    return parser


if __name__ == '__main__':
    sys.exit(main())
