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

"""Query strings, and the pages that lists come in."""

from collections.abc import Callable
from typing import Any, TypeVar
from urllib import parse

import falcon

from shadow_reserve.api import errors
from shadow_reserve.api import formats

T = TypeVar('T')


def read(req: falcon.Request, *known: str) -> dict[str, str]:
    """The parameters of a request.

    :param known: names of those it may have
    :raises Problem: 400, where another one is given, or one twice
    """
    names = sorted(known)
    query = {}
    for name, value in req.params.items():
        if name not in names:
            raise errors.bad_request(
                f'{name} is not a query parameter of {req.path}; known '
                f'are: {", ".join(names) or "none"}.')
        if not isinstance(value, str):
            raise errors.bad_request(
                f'The query parameter {name} is given more than once.')
        if not formats.is_text(value):
            raise errors.bad_request(
                f'The query parameter {name} has control characters.')
        query[name] = value
    return query


def integer(query: dict[str, str], name: str, *, minimum: int,
            default: int | None = None) -> int | None:
    """:raises Problem: 400, where it is none or too small"""
    text = query.get(name)
    if text is None:
        return default
    # int() takes '1_0' and other alphabets' digits, a database no number
    # that is longer.
    if not (text.isascii() and text.isdigit() and len(text) < 19
            and int(text) >= minimum):
        raise errors.bad_request(
            f'{name} must be a whole number, {minimum} or more, of at most '
            f'18 digits.')
    return int(text)


def boolean(query: dict[str, str], name: str) -> bool:
    """:raises Problem: 400, where it is neither true nor false"""
    text = query.get(name, 'false').lower()
    if text not in ('true', 'false'):
        raise errors.bad_request(f'{name} must be true or false.')
    return text == 'true'


class Pages:
    """Cuts lists into pages.

    :param maximum: most items of a page, and how many when nobody asks
    """

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum

    def limit(self, query: dict[str, str]) -> int:
        """How many items are asked for; a larger wish is cut."""
        wanted = integer(query, 'limit', minimum=1, default=self._maximum)
        return min(wanted or self._maximum, self._maximum)

    def place(self, req: falcon.Request) -> 'Place':
        """Which page of a list of numbered rows is asked for.

        :raises Problem: 400
        """
        query = read(req, 'after', 'limit')
        after = integer(query, 'after', minimum=0, default=0) or 0
        return Place(self, req.prefix + req.path, query, after,
                     self.limit(query))

    @staticmethod
    def links(url: str, query: dict[str, str], name: str,
              value: str | int) -> list[dict[str, str]]:
        """The link to the page after this one.

        :param name: the parameter that says where that page starts
        """
        following = parse.urlencode({**query, name: value})
        return [{'rel': 'next', 'href': f'{url}?{following}'}]


class Place:
    """Where a page of a list of numbered rows begins, and how long it is.

    :param after: number of the last row before the page
    """

    def __init__(self, pages: Pages, url: str, query: dict[str, str],
                 after: int, limit: int) -> None:
        self._pages = pages
        self._url = url
        self._query = query
        self.after = after
        self._limit = limit

    @property
    def enough(self) -> int:
        """So many rows tell whether another page follows this one."""
        return self._limit + 1

    def answer(self, name: str, rows: list[tuple[int, T]],
               show: Callable[[int, T], dict[str, Any]]) -> dict[str, Any]:
        """The page, with a link to the next one if there is one.

        :param name: what the rows are called
        :param rows: with their numbers, up to ``enough`` of them
        """
        page = rows[:self._limit]
        answer: dict[str, Any] = {
            name: [show(number, row) for number, row in page]}
        if len(rows) > len(page):
            answer[f'{name}_links'] = self._pages.links(
                self._url, self._query, 'after', page[-1][0])
        return answer
