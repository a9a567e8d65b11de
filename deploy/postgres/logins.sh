#!/bin/sh
# Gives the processes' logins the passwords of a directory (deploy/secrets.sh makes them), as the
# owner that PGHOST, PGUSER and PGDATABASE name. No password stands on a command line.
#   deploy/postgres/logins.sh DIR
set -eu
dir=${1:?the directory of the passwords}
PGPASSWORD=$(cat "$dir/postgres_password")
api_password=$(cat "$dir/api_password")
worker_password=$(cat "$dir/worker_password")
relay_password=$(cat "$dir/relay_password")
reader_password=$(cat "$dir/reader_password")
export PGPASSWORD api_password worker_password relay_password reader_password
exec psql -X -q -v ON_ERROR_STOP=1 -f "$(dirname "$0")/logins.sql"
