#!/bin/sh
# Starts the tracking server: MLflow on PostgreSQL, which also serves artifacts and requires a password.
# compose.yaml and tests/service use this script.
#
# Required environment variables:
#   PGHOST, PGUSER, PGPASSWORD          for PostgreSQL, and PGPORT if it is not 5432. libpq reads them, so
#                                       the password is neither in a URI nor in the process list
#   MLFLOW_AUTH_ADMIN_PASSWORD          for the user admin, created at the first start; 12 characters
#                                       or more
#   MLFLOW_FLASK_SERVER_SECRET_KEY      signs the server's forms
# Optional:
#   MLFLOW_HOST, MLFLOW_PORT            address to listen on; default 127.0.0.1 and 5000
#   MLFLOW_WORKERS                      number of processes, some 400 MB each; default 2
#   MLFLOW_ARTIFACTS_DESTINATION        folder or bucket; default ./artifacts
#   MLFLOW_SERVER_ALLOWED_HOSTS         host names that it answers to; default localhost. It refuses
#                                       others, so that no web page can reach it by its own name
set -eu
umask 077 # only the server may read weights and reports

# Otherwise MLflow would try for minutes to reach a database, or name a missing value in a traceback.
: "${PGHOST:?is not set}" "${PGUSER:?is not set}" "${PGPASSWORD:?is not set}"
: "${MLFLOW_AUTH_ADMIN_PASSWORD:?is not set}" "${MLFLOW_FLASK_SERVER_SECRET_KEY:?is not set}"

# Otherwise it starts eight more processes of 235 MB each, for jobs that Convoy does not use.
export MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false
export MLFLOW_DISABLE_TELEMETRY=true
export MLFLOW_AUTH_CONFIG_PATH="${0%/*}/basic_auth.ini"

exec mlflow server \
    --app-name basic-auth \
    --backend-store-uri postgresql+psycopg:///mlflow \
    --serve-artifacts \
    --artifacts-destination "${MLFLOW_ARTIFACTS_DESTINATION:-./artifacts}" \
    --host "${MLFLOW_HOST:-127.0.0.1}" \
    --port "${MLFLOW_PORT:-5000}" \
    --workers "${MLFLOW_WORKERS:-2}" \
    --allowed-hosts "${MLFLOW_SERVER_ALLOWED_HOSTS:-localhost:*,127.0.0.1:*}"
