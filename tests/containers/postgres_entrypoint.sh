#!/bin/bash
# Entry point of the stand-in for postgres:17-bookworm: what the official one does of what compose.yaml
# asks for. The first start makes the cluster in $PGDATA, with the superuser's POSTGRES_PASSWORD, and runs
# /docker-entrypoint-initdb.d/*.sql by a server that listens on a socket alone.
set -euo pipefail

if [[ $(id -u) == 0 ]]; then
    install --directory --owner=postgres --group=postgres --mode=700 "$PGDATA" /run/postgresql
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

if [[ ! -s $PGDATA/PG_VERSION ]]; then
    : "${POSTGRES_PASSWORD:?is not set}"
    initdb --username=postgres --pwfile=<(echo "$POSTGRES_PASSWORD")
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
    pg_ctl --wait --options="-c listen_addresses=''" start
    for file in /docker-entrypoint-initdb.d/*.sql; do
        psql --set ON_ERROR_STOP=1 --no-psqlrc --username=postgres --dbname=postgres --file="$file"
    done
    pg_ctl --wait --mode=fast stop
fi
exec "$@" -c "listen_addresses=*"
