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

"""Formats that JSON Schema names and leaves to us to check."""

import base64
import binascii
import datetime
import functools
import re
import unicodedata
import urllib.parse
import zoneinfo

import croniter
import jsonschema

CHECKER = jsonschema.FormatChecker(formats=())

#: Control characters and halves of surrogate pairs: no service takes them.
_FORBIDDEN = frozenset({'Cc', 'Cs'})


def parse_time(text: str) -> datetime.datetime:
    """A time in ISO 8601; one that does not say its offset is in UTC.

    :raises ValueError: when it is none
    """
    time = datetime.datetime.fromisoformat(text)
    if time.tzinfo is None:
        return time.replace(tzinfo=datetime.UTC)
    try:
        return time.astimezone(datetime.UTC)
    except OverflowError as error:
        raise ValueError(str(error)) from error


def _is_time(value: object) -> bool:
    return not isinstance(value, str) or bool(parse_time(value))


def is_text(value: object) -> bool:
    """Whether it has only characters that a name may have."""
    return not isinstance(value, str) or not any(
        unicodedata.category(character) in _FORBIDDEN
        for character in value)


def _is_name(value: object) -> bool:
    return is_text(value) and (
        not isinstance(value, str) or value == value.strip() != '')


def _is_base64(value: object) -> bool:
    return not isinstance(value, str) or (
        base64.b64decode(value, validate=True) is not None)


#: From when on a schedule is tried out, and for how many years: any start
#: would do, and in eight years there is a 29th of February.
_TRIED_FROM = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
_TRIED_YEARS = 8

#: What croniter draws a number for, another one each time it is asked.
_DRAWN = re.compile(r'\b[hr]\b', re.IGNORECASE)


def _is_cron(value: object) -> bool:
    """Five fields, and a time at which they come true."""
    if not isinstance(value, str):
        return True
    if len(value.split()) != 5 or _DRAWN.search(value):
        return False
    croniter.croniter(
        value, _TRIED_FROM, max_years_between_matches=_TRIED_YEARS,
    ).get_next(datetime.datetime)
    return True


@functools.cache
def _timezones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def _is_timezone(value: object) -> bool:
    return not isinstance(value, str) or value in _timezones()


_URL = re.compile(r'https?://[!-~]+', re.IGNORECASE)
_UUID = re.compile(r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}',
                   re.IGNORECASE)


def _is_url(value: object) -> bool:
    """One that may be shown to all who may read: without a password."""
    if not isinstance(value, str):
        return True
    parts = urllib.parse.urlsplit(value)
    # The port is checked when it is read.
    return bool(_URL.fullmatch(value) and parts.hostname
                and parts.port != 0 and parts.username is None)


def _is_uuid(value: object) -> bool:
    return not isinstance(value, str) or bool(_UUID.fullmatch(value))


CHECKER.checks('base64', raises=(binascii.Error, ValueError))(_is_base64)
CHECKER.checks('cron', raises=croniter.CroniterError)(_is_cron)
CHECKER.checks('date-time', raises=ValueError)(_is_time)
CHECKER.checks('name')(_is_name)
CHECKER.checks('text')(is_text)
CHECKER.checks('timezone')(_is_timezone)
CHECKER.checks('url', raises=ValueError)(_is_url)
CHECKER.checks('uuid')(_is_uuid)
