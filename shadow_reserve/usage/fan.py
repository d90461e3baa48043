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

"""The forecasts of every step ahead, and of the peak, for many series."""

import numpy as np

from shadow_reserve.usage import experts
from shadow_reserve.usage import model
from shadow_reserve.usage import panel as panel_module
from shadow_reserve.usage import rows as rows_module
from shadow_reserve.usage import settings as settings_module

FloatArray = panel_module.FloatArray
IntArray = panel_module.IntArray
Cases = panel_module.Cases

#: Rows that are worked out at once: what is known of them fits in the
#: processor's caches.
ROWS = 8192


def steps_ahead(panel: panel_module.Panel, tables: experts.Tables,
                learned: model.Learned | None,
                serves: panel_module.BoolArray,
                settings: settings_module.ForecastSettings) -> FloatArray:
    """``(series, horizon, levels)``, from the right edge of the panel on.

    :param tables: one for each series
    :param serves: ``(series,)``, whether the learned correction is added
    """
    horizons = np.arange(1, settings.horizon_steps + 1)
    cases = _cases(panel, np.arange(len(panel)), horizons)
    return told(panel, 1, cases, tables, learned, serves, settings).reshape(
        len(panel), len(horizons), -1)


def peaks(panel: panel_module.Panel, tables: experts.Tables,
          learned: model.Learned | None, serves: panel_module.BoolArray,
          settings: settings_module.ForecastSettings) -> FloatArray:
    """``(series, levels)``: the maximum over the peak window to come."""
    cases = _cases(panel, np.arange(len(panel)), np.ones(1, dtype=np.int64))
    return told(panel, settings.peak_steps, cases, tables, learned, serves,
                settings)


def told(panel: panel_module.Panel, window: int, cases: Cases,
         tables: experts.Tables, learned: model.Learned | None,
         serves: panel_module.BoolArray,
         settings: settings_module.ForecastSettings) -> FloatArray:
    """``(rows, levels)``: the forecast of each case, in scale.

    :param tables: one for each series
    :param serves: ``(series,)``, whether the learned correction is added
    """
    said = np.empty((len(cases), len(settings.levels)), dtype=np.float32)
    for first in range(0, len(cases), ROWS):
        part = slice(first, first + ROWS)
        said[part] = _told(panel, window, cases.taken(part), tables, learned,
                           serves, settings)
    return said


def _told(panel: panel_module.Panel, window: int, cases: Cases,
          tables: experts.Tables, learned: model.Learned | None,
          serves: panel_module.BoolArray,
          settings: settings_module.ForecastSettings) -> FloatArray:
    """Where the mix serves nothing else is worked out: the features and
    the trees are what costs."""
    trees = serves[cases.series] & (learned is not None)
    said = np.empty((len(cases), len(settings.levels)), dtype=np.float32)
    plain = cases.taken(~trees)
    if len(plain):
        said[~trees] = np.sort(rows_module.mix_of(
            panel, window, plain, tables, plain.series, settings.levels),
            axis=1)
    cases = cases.taken(trees)
    if learned is not None and len(cases):
        said[trees] = learned.predict(window, rows_module.rows_of(
            panel, window, cases, tables, cases.series, settings.levels),
            settings.threads)
    return said


def _cases(panel: panel_module.Panel, series: IntArray,
           horizons: IntArray) -> Cases:
    return Cases(
        series=np.repeat(series, len(horizons)),
        origins=np.full(len(series) * len(horizons), panel.width - 1),
        horizons=np.tile(horizons, len(series)))
