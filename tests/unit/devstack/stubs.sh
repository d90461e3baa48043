#!/usr/bin/env bash
#
# The functions of DevStack that the plugin may call. Each writes its name and
# arguments, tab-separated, as one line to $CALLS. A function that is not here
# does not exist for the plugin: calling it ends the run.

function _log {
    local IFS=$'\t'
    printf '%s\n' "$*" >>"$CALLS"
}

# These do nothing but say that they were called.
for _name in configure_keystone_authtoken_middleware configure_keystoneauth \
    create_service_user define_plugin echo_summary get_or_create_endpoint \
    get_or_create_service iniset_multiline iniset_rpc_backend \
    plugin_requires \
    recreate_database remove_uwsgi_config run_process setup_develop \
    setup_logging stop_process sudo warn write_uwsgi_config; do
    eval "function $_name { _log $_name \"\$@\"; }"
done

function die {
    _log die "$@"
    exit 1
}

function enable_service {
    _log enable_service "$@"
    local service
    for service in "$@"; do
        case ,${DISABLED_SERVICES:-}, in
            *,$service,*)
                ;;
            *)
                ENABLED_SERVICES+=,$service
                ;;
        esac
    done
}

# True if any of its arguments is enabled.
function is_service_enabled {
    local service
    for service in "$@"; do
        case ,$ENABLED_SERVICES, in
            *,$service,*)
                return 0
                ;;
        esac
    done
    return 1
}

function iniset {
    _log iniset "$@"
}

# Answers what was set last by iniset, or what is in $INITIAL in the same form.
function iniget {
    cat "$INITIAL" "$CALLS" | awk -F '\t' -v f="$1" -v s="$2" -v o="$3" \
        '$1 == "iniset" && $2 == f && $3 == s && $4 == o { v = $5 }
        END { print v }'
}

# Answers what was set last by iniset_multiline, or what is in $INITIAL.
function iniget_multiline {
    cat "$INITIAL" "$CALLS" | awk -F '\t' -v f="$1" -v s="$2" -v o="$3" \
        '$1 == "iniset_multiline" && $2 == f && $3 == s && $4 == o {
            v = ""; for (i = 5; i <= NF; i++) v = v (i > 5 ? " " : "") $i }
        END { print v }'
}

function trueorfalse {
    local value=${!2:-$1}
    case ${value,,} in
        1|true|yes) echo True ;;
        *) echo False ;;
    esac
}

function wait_for_service {
    _log wait_for_service "$@"
    [[ ${API_COMES_UP:-True} == True ]]
}

function apache_site_config_for {
    echo "/etc/apache2/sites-available/$1.conf"
}

function database_connection_url {
    echo "mysql+pymysql://root:secret@127.0.0.1/$1?charset=utf8"
}

function get_python_exec_prefix {
    echo "$BIN_DIR"
}
