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

from shadow_reserve.api.schemas import common
from shadow_reserve.api.schemas import hook
from shadow_reserve.records import holding
from shadow_reserve.records import reservation

_SHARE = 'Give a share above 0 and under 1: 0.95 for 95 %.'

_PERCENT = 'Give percents above 0, up to 100'
_MILLISECONDS = 'Give milliseconds above 0, up to 1000000'
_UNWATCHED = ', or null to leave this metric alone.'


def _or_null(schema: common.JsonSchema) -> common.JsonSchema:
    return {**schema, 'type': [schema['type'], 'null']}


def _percent(advice: str) -> common.JsonSchema:
    return common.number(
        f'{_PERCENT}{advice}', exclusiveMinimum=0, maximum=100)


def _milliseconds(advice: str) -> common.JsonSchema:
    return common.number(
        f'{_MILLISECONDS}{advice}', exclusiveMinimum=0, maximum=1000000)


_SCHEDULED = common.only({
    'start': {
        'type': 'string', 'maxLength': 255, 'format': 'cron',
        'description': 'Give a cron expression of five fields (minute, '
                       'hour, day of the month, month, day of the week) '
                       'that comes true at some time: "0 18 * * 5" for '
                       'Fridays at 18:00.',
    },
    'duration': common.integer(
        'Give seconds, from 60 to 604800 (a week).',
        minimum=60, maximum=604800),
    'quantity': common.integer(
        'Give a number of instances from 0 to 1000.',
        minimum=0, maximum=1000),
    'timezone': {
        'type': 'string', 'maxLength': 64, 'format': 'timezone',
        'description': 'Give the name of a time zone as IANA has it, '
                       'Europe/Berlin; UTC if it is left out.',
    },
}, required=('start', 'duration', 'quantity'))

POLICY = common.only({
    'mode': {
        'enum': ['forecast_only', 'active'],
        'description': 'Give forecast_only or active.',
    },
    'service_level': common.number(
        _SHARE, exclusiveMinimum=0, exclusiveMaximum=1),
    'safety_margin': common.number(
        'Give the share that is added on top of the forecast, from 0 to '
        '10: 0.2 for 20 %.', minimum=0, maximum=10),
    'target_utilisation': common.number(
        'Give a share above 0, up to 1: 0.6 for 60 %.',
        exclusiveMinimum=0, maximum=1),
    'minimum_shadow': common.integer(
        'Give a number of instances from 0 to 1000.',
        minimum=0, maximum=1000),
    'maximum_shadow': common.integer(
        'Give a number of instances from 0 to 1000.',
        minimum=0, maximum=1000),
    'cpu_threshold': _or_null(_percent(_UNWATCHED)),
    'memory_threshold': _or_null(_percent(_UNWATCHED)),
    'io_latency_threshold': _or_null(_milliseconds(_UNWATCHED)),
    'scale_in_threshold': _percent(', and under cpu_threshold.'),
    'memory_scale_in_threshold': _or_null(_percent(
        ', and under memory_threshold; null for half of that.')),
    'io_latency_scale_in_threshold': _or_null(_milliseconds(
        ', and under io_latency_threshold; null for half of that.')),
    'alarm_period': _or_null(common.integer(
        'Give seconds, from 1 to 86400 (a day), or null for what the '
        'operator has set.', minimum=1, maximum=86400)),
    'alarm_evaluation_periods': _or_null(common.integer(
        'Give a number of periods from 1 to 100, or null for what the '
        'operator has set.', minimum=1, maximum=100)),
    'alarm_combination': {
        'enum': [one.value for one in reservation.AlarmCombination],
        'description': 'Give separate (an alarm for each metric, and any '
                       'of them promotes), or any or all (one alarm over '
                       'all metrics).',
    },
    'promotion_step': _or_null(common.integer(
        'Give a number of instances from 1 to 1000, or null for as many '
        'as bring utilisation to its target.', minimum=1, maximum=1000)),
    'promotion_cooldown': common.integer(
        'Give seconds, from 0 to 604800 (a week).',
        minimum=0, maximum=604800),
    'maximum_promoted': _or_null(common.integer(
        'Give a number of instances from 1 to 1000, or null for no bound.',
        minimum=1, maximum=1000)),
    'cold_creation': {
        'type': 'boolean', 'description': 'Give true or false.',
    },
    'promote_ahead': _or_null(common.number(
        'Give a probability above 0 and under 1: 0.4 for 40 %; or null to '
        'wait for the alarm.', exclusiveMinimum=0, exclusiveMaximum=1)),
    'hooks': hook.HOOKS,
    'cooldown': common.integer(
        'Give seconds, from 0 to 604800 (a week).',
        minimum=0, maximum=604800),
    'maximum_extension': common.number(
        'Give the share of the duration by which use of shadow may '
        'prolong it, from 0 to 10.', minimum=0, maximum=10),
    'hold': {
        'type': 'array', 'minItems': 1, 'maxItems': 4,
        'items': common.only({
            'tier': {
                'enum': [tier.value for tier in holding.Tier],
                'description': 'Give suspended, shelved, stopped or '
                               'offloaded.',
            },
            'count': {
                'type': ['integer', 'null'], 'minimum': 1, 'maximum': 1000,
                'description': 'Give a number of instances from 1 to 1000; '
                               'none, in the last part, for the rest.',
            },
        }, required=('tier',)),
        'description': 'Give one to four parts of a mix.',
    },
    'priority': common.integer(
        'Give a number from 0, given back first, to 100.',
        minimum=0, maximum=100),
    'schedule': {
        'type': 'array', 'maxItems': 32, 'items': _SCHEDULED,
        'description': 'Give at most 32 of them; none for no schedule.',
    },
    'drain_time': common.integer(
        'Give seconds, from 0 to 86400 (a day).',
        minimum=0, maximum=86400),
    'maximum_uses': {
        'type': ['integer', 'null'], 'minimum': 1, 'maximum': 1000000,
        'description': 'Give a number of promotions, 1 or more, or null '
                       'for no bound.',
    },
    'maximum_age': {
        'type': ['integer', 'null'], 'minimum': 3600,
        'maximum': common.MAXIMUM_DURATION,
        'description': 'Give seconds, 3600 (an hour) or more, or null for '
                       'no bound.',
    },
    'budget': {
        'type': ['string', 'null'],
        'pattern': r'^[0-9]{1,12}(\.[0-9]{1,6})?$',
        'description': 'Give a decimal number as a string, "12.50", or '
                       'null for no bound.',
    },
})
