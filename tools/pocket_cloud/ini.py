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

"""oslo.config's files, from plain values."""

import collections.abc

Value = str | int | bool | tuple[str, ...]
Sections = collections.abc.Mapping[str, collections.abc.Mapping[str, Value]]


def render(sections: Sections) -> str:
    """The text of a configuration file.

    oslo.config puts another option's value where a ``$`` is, so that a
    value of ours must not have one. An option with several values has a
    line for each.
    """
    lines = []
    for section, options in sections.items():
        lines.append(f'[{section}]')
        for option, value in options.items():
            for each in value if isinstance(value, tuple) else (value,):
                text = str(each).lower() if isinstance(each, bool) \
                    else str(each)
                if '$' in text or '\n' in text:
                    raise ValueError(f'{section}.{option}: {text!r}')
                lines.append(f'{option} = {text}')
        lines.append('')
    return '\n'.join(lines)
