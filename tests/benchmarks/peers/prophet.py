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

"""Prophet: a local model, refitted at each origin.

As its documentation has it for data within the day: the defaults, whose
daily season comes of itself. The weekly one, which Prophet would leave out
for want of five minutes to two whole weeks, is asked for: on the design
period that was 10 % better on one trace and 8 % worse on the other. A flat
trend was worse on both. Quantiles are those of its own 1,000 draws from the
predictive distribution.
"""

from collections.abc import Mapping
import logging

import numpy as np
import pandas as pd
import prophet

from tests.benchmarks.peers import base

logging.getLogger('cmdstanpy').setLevel(logging.ERROR)


class Prophet:
    name = 'Prophet'
    shared = False

    def fit(self, panel: base.Panel) -> None:
        raise NotImplementedError

    def forecast(self, panel: base.Panel) -> Mapping[str, base.FloatArray]:
        said = {}
        for token, history in panel.histories.items():
            model = prophet.Prophet(weekly_seasonality=True)
            model.fit(pd.DataFrame(
                {'ds': panel.index(token), 'y': history}), seed=1)
            draws = model.predictive_samples(pd.DataFrame(
                {'ds': panel.index(token, ahead=base.HORIZON)}))
            said[token] = np.quantile(draws['yhat'], base.LEVELS, axis=1).T
        return said


def peers() -> list[base.Peer]:
    return [Prophet()]
