#!/usr/bin/env bash
#
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
#
# Installs and runs shadow_reserve in DevStack. Sourced by stack.sh,
# unstack.sh and clean.sh as ``plugin.sh <mode> [<phase>]``; see README.rst
# beside this file. It keeps to ``set -o errexit`` and ``set -o nounset``.

# Save trace setting
_XTRACE_SHADOW_RESERVE=$(set +o | grep xtrace)
set +o xtrace

SHADOW_RESERVE_BIN_DIR=$(get_python_exec_prefix)

# Sections of our configuration, one for each service that is called.
SHADOW_RESERVE_CALLED_SERVICES="aodh cinder glance gnocchi keystone neutron"
SHADOW_RESERVE_CALLED_SERVICES+=" nova octavia placement"

function shadow_reserve_url {
    local url=$SHADOW_RESERVE_SERVICE_PROTOCOL
    url+=://$SHADOW_RESERVE_SERVICE_HOST$SHADOW_RESERVE_API_PATH
    echo "$url"
}

# _shadow_reserve_check_order() - DevStack runs the plugins of a phase in the
# order of local.conf and does not look at plugin_requires. What we add to
# the configuration of another plugin would be lost if that came later.
function _shadow_reserve_check_order {
    local plugin
    local seen=False
    for plugin in ${DEVSTACK_PLUGINS//,/ }; do
        case $plugin in
            shadow-reserve)
                seen=True
                ;;
            ceilometer|aodh|heat)
                if [[ $seen == True ]]; then
                    die $LINENO "enable_plugin $plugin must come before" \
                        "enable_plugin shadow-reserve in local.conf"
                fi
                ;;
        esac
    done
}

# _shadow_reserve_add_to_list() - Adds a value to a comma-separated option,
# once.
function _shadow_reserve_add_to_list {
    local file=$1
    local section=$2
    local option=$3
    local value=$4
    local default=${5:-}
    local current
    current=$(iniget "$file" "$section" "$option")
    current=${current:-$default}
    if [[ ",$current," != *",$value,"* ]]; then
        iniset "$file" "$section" "$option" "${current:+$current,}$value"
    fi
}

# pre-install
function preinstall_shadow_reserve {
    _shadow_reserve_check_order
    local service
    for service in gnocchi-api aodh-api aodh-evaluator; do
        if ! is_service_enabled $service; then
            warn $LINENO "$service is not enabled here. shadow_reserve needs" \
                "one in the service catalog, or it forecasts nothing and" \
                "hears no alarm."
        fi
    done
}

# install
function install_shadow_reserve {
    setup_develop "$SHADOW_RESERVE_DIR"
    sudo install -d -o "$STACK_USER" -m 755 "$SHADOW_RESERVE_CONF_DIR"
}

# post-config: our own files
function configure_shadow_reserve {
    local conf=$SHADOW_RESERVE_CONF
    local section

    # Written anew every time: iniset only ever adds.
    rm -f "$conf"

    iniset "$conf" DEFAULT debug "$ENABLE_DEBUG_LOG_LEVEL"
    iniset_rpc_backend shadow_reserve "$conf" DEFAULT
    setup_logging "$conf"
    iniset "$conf" database connection \
        "$(database_connection_url shadow_reserve)"
    configure_keystone_authtoken_middleware "$conf" shadow-reserve \
        keystone_authtoken shadow-reserve
    configure_keystoneauth "$conf" shadow-reserve service_credentials
    for section in $SHADOW_RESERVE_CALLED_SERVICES; do
        iniset "$conf" $section region_name "$REGION_NAME"
    done
    iniset "$conf" trigger notification_topic "$SHADOW_RESERVE_ALARM_TOPIC"

    # write_uwsgi_config appends to the Apache site.
    sudo rm -f "$(apache_site_config_for shadow-reserve-api)"
    write_uwsgi_config "$SHADOW_RESERVE_UWSGI_CONF" "$SHADOW_RESERVE_UWSGI" \
        "$SHADOW_RESERVE_API_PATH" "" shadow-reserve-api
}

# post-config: Nova, also on a node that runs nothing of ours but computes
function configure_shadow_reserve_nova {
    # nova-cpu.conf is copied from nova.conf when nova-compute starts, after
    # this phase. What is written to nova-cpu.conf itself now would be lost.
    if [[ -n "$SHADOW_RESERVE_SHELVED_OFFLOAD_TIME" ]]; then
        iniset "$NOVA_CONF" DEFAULT shelved_offload_time \
            "$SHADOW_RESERVE_SHELVED_OFFLOAD_TIME"
    fi
    iniset "$NOVA_CONF" notifications notify_on_state_change \
        vm_and_task_state
}

# post-config: nova-conductor tells us of servers that find no host, and
# nova-compute of those that run again
function configure_shadow_reserve_conductor {
    _shadow_reserve_add_to_list "$NOVA_CONF" notifications \
        versioned_notifications_topics "$SHADOW_RESERVE_ALARM_TOPIC" \
        versioned_notifications
}

# _shadow_reserve_filters() - Whether a scheduler of Nova runs here that is to
# load our filter.
function _shadow_reserve_filters {
    [[ $SHADOW_RESERVE_SCHEDULER_FILTER == True ]] && is_service_enabled n-sch
}

# post-config: nova-scheduler asks us which promotions are under way
function configure_shadow_reserve_scheduler {
    local filters
    filters=$(iniget_multiline "$NOVA_CONF" filter_scheduler \
        available_filters)
    filters=${filters:-nova.scheduler.filters.all_filters}
    local ours=shadow_reserve.nova.scheduler_filter.ShadowReserveFilter
    if [[ " $filters " != *" $ours "* ]]; then
        # One word is one value.
        iniset_multiline "$NOVA_CONF" filter_scheduler available_filters \
            $filters $ours
    fi
    _shadow_reserve_add_to_list "$NOVA_CONF" filter_scheduler \
        enabled_filters ShadowReserveFilter "$NOVA_FILTERS"
    configure_keystoneauth "$NOVA_CONF" nova shadow_reserve
    iniset "$NOVA_CONF" shadow_reserve region_name "$REGION_NAME"
}

# post-config: Aodh tells us of alarms by notification
function configure_shadow_reserve_aodh {
    local conf=${AODH_CONF:-/etc/aodh/aodh.conf}
    iniset "$conf" oslo_messaging_notifications driver messagingv2
    _shadow_reserve_add_to_list "$conf" oslo_messaging_notifications topics \
        "$SHADOW_RESERVE_ALARM_TOPIC" notifications
}

# post-config: heat-engine finds OS::ShadowReserve::*
function configure_shadow_reserve_heat {
    local conf=${HEAT_CONF:-/etc/heat/heat.conf}
    _shadow_reserve_add_to_list "$conf" DEFAULT plugin_dirs \
        "$SHADOW_RESERVE_HEAT_PLUGIN_DIR"
}

# post-config: Keystone
#
# Project   User             Roles
# ---------------------------------------
# service   shadow-reserve   admin, service
function create_shadow_reserve_accounts {
    create_service_user shadow-reserve admin
    get_or_create_service shadow-reserve shadow-reserve \
        "Shadow capacity for reservations"
    get_or_create_endpoint shadow-reserve "$REGION_NAME" \
        "$(shadow_reserve_url)"
}

# extra
function init_shadow_reserve {
    if is_service_enabled $DATABASE_BACKENDS; then
        recreate_database shadow_reserve
        "$SHADOW_RESERVE_BIN_DIR/shadow-reserve-manage" \
            --config-file "$SHADOW_RESERVE_CONF" db sync
    fi
}

# extra
function start_shadow_reserve {
    local uwsgi
    uwsgi=$(type -P uwsgi)
    local command="$uwsgi --procname-prefix shadow-reserve-api"
    command+=" --ini $SHADOW_RESERVE_UWSGI_CONF"
    run_process shadow-reserve-api "$command"
    if is_service_enabled shadow-reserve-api; then
        echo "Waiting for shadow-reserve-api to start..."
        if ! wait_for_service "$SERVICE_TIMEOUT" "$(shadow_reserve_url)/"; then
            die $LINENO "shadow-reserve-api did not start"
        fi
    fi
    command="$SHADOW_RESERVE_BIN_DIR/shadow-reserve-engine"
    command+=" --config-file $SHADOW_RESERVE_CONF"
    run_process shadow-reserve-engine "$command"
}

# test-config
function configure_tempest_for_shadow_reserve {
    if is_service_enabled tempest; then
        iniset "$TEMPEST_CONFIG" service_available shadow_reserve True
    fi
}

# unstack
function stop_shadow_reserve {
    stop_process shadow-reserve-engine
    stop_process shadow-reserve-api
}

# clean
function cleanup_shadow_reserve {
    # remove_uwsgi_config disables the site, and leaves its file.
    remove_uwsgi_config "$SHADOW_RESERVE_UWSGI_CONF" shadow-reserve-api
    sudo rm -f "$(apache_site_config_for shadow-reserve-api)"
    sudo rm -rf "$SHADOW_RESERVE_CONF_DIR"
}

# This is the main for plugin.sh
if is_service_enabled shadow-reserve-api shadow-reserve-engine; then
    case "$1,${2:-}" in
        stack,pre-install)
            echo_summary "Checking what shadow_reserve needs"
            preinstall_shadow_reserve
            ;;
        stack,install)
            echo_summary "Installing shadow_reserve"
            install_shadow_reserve
            ;;
        stack,post-config)
            echo_summary "Configuring shadow_reserve"
            configure_shadow_reserve
            if is_service_enabled aodh-api aodh-evaluator; then
                configure_shadow_reserve_aodh
            fi
            if is_service_enabled h-eng; then
                configure_shadow_reserve_heat
            fi
            if is_service_enabled keystone; then
                create_shadow_reserve_accounts
            fi
            ;;
        stack,extra)
            echo_summary "Starting shadow_reserve"
            init_shadow_reserve
            start_shadow_reserve
            ;;
        stack,test-config)
            echo_summary "Configuring Tempest for shadow_reserve"
            configure_tempest_for_shadow_reserve
            ;;
        unstack,*)
            echo_summary "Stopping shadow_reserve"
            stop_shadow_reserve
            ;;
        clean,*)
            echo_summary "Removing what shadow_reserve left"
            cleanup_shadow_reserve
            ;;
    esac
fi

# A compute node may run none of our services, and needs this all the same.
if [[ "$1,${2:-}" == stack,post-config ]] && is_service_enabled n-cpu; then
    configure_shadow_reserve_nova
fi

# So may one with conductors or computes.
if [[ "$1,${2:-}" == stack,post-config ]] && \
    is_service_enabled n-super-cond n-cond n-cpu; then
    configure_shadow_reserve_conductor
fi

# So may a node with a scheduler.
if _shadow_reserve_filters; then
    case "$1,${2:-}" in
        stack,install)
            if ! is_service_enabled shadow-reserve-api \
                shadow-reserve-engine; then
                setup_develop "$SHADOW_RESERVE_DIR"
            fi
            ;;
        stack,post-config)
            configure_shadow_reserve_scheduler
            ;;
    esac
fi

# Restore xtrace
$_XTRACE_SHADOW_RESERVE
