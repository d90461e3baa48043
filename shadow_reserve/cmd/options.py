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

"""The one place where a process gets its configuration."""

from collections.abc import Sequence

from oslo_config import cfg
from oslo_db import options as db_options
from oslo_log import log

from shadow_reserve import conf as shadow_reserve_conf
from shadow_reserve.conf import defaults


def load(arguments: Sequence[str] | None = None, *,
         program: str, config_files: list[str] | None = None,
         options: Sequence[cfg.Opt] = ()) -> cfg.ConfigOpts:
    """Read the options of the service and set logging up by them.

    :param options: further options of this program's command line
    """
    conf = cfg.ConfigOpts()
    log.register_options(conf)
    db_options.set_defaults(conf, connection=defaults.CONNECTION,
                            max_pool_size=defaults.POOL_SIZE)
    shadow_reserve_conf.register_opts(conf)
    conf.register_cli_opts(options)
    conf(arguments, project='shadow_reserve', prog=program,
         default_config_files=config_files)
    if not (conf.log_file or conf.log_dir):
        # Standard output, where it would go, is for a program's answer.
        conf.set_default('use_stderr', True)
    log.setup(conf, 'shadow_reserve')
    return conf
