#!/bin/sh
# Makes the analysts' user of a ClickHouse server with the password of a directory, as the owner
# that CLICKHOUSE_USER names on CLICKHOUSE_HOST. No password stands on a command line.
#   deploy/clickhouse/analyst.sh DIR
set -eu
dir=${1:?the directory of the passwords}
CLICKHOUSE_PASSWORD=$(cat "$dir/clickhouse_password")
analyst=$(cat "$dir/analyst_password")
sql=$(cat "$(dirname "$0")/analyst.sql")
export CLICKHOUSE_PASSWORD
printf "SET param_password = '%s';\n%s\n" "$analyst" "$sql" |
  clickhouse-client --host "$CLICKHOUSE_HOST" --user "$CLICKHOUSE_USER"
