#!/bin/sh
# The tracking server: MLflow on PostgreSQL, which serves the artifacts too and asks for a password.
# compose.yaml and tests/service both start it by this file.
#
# It must be given, in its environment:
#   PGHOST, PGUSER, PGPASSWORD          of PostgreSQL, and PGPORT if it is not 5432. libpq reads them, so
#                                       that the password stands neither in a URI nor in a list of
#                                       processes
#   MLFLOW_AUTH_ADMIN_PASSWORD          of the user admin, who is made at the first start; 12
#                                       characters or more
#   MLFLOW_FLASK_SERVER_SECRET_KEY      signs its forms
# and may be given
#   MLFLOW_HOST, MLFLOW_PORT            where it listens; 127.0.0.1 and 5000 otherwise
#   MLFLOW_WORKERS                      its processes, some 400 MB each; 2 otherwise
#   MLFLOW_ARTIFACTS_DESTINATION        a folder or bucket; ./artifacts otherwise
#   MLFLOW_SERVER_ALLOWED_HOSTS         by which names it is called; localhost otherwise. Another is
#                                       refused, so that no web page can reach it by a name of its own
set -eu
umask 077 # weights and reports are for the server alone

# MLflow would look for a database for minutes, and name what else is missing in a traceback.
: "${PGHOST:?is not set}" "${PGUSER:?is not set}" "${PGPASSWORD:?is not set}"
: "${MLFLOW_AUTH_ADMIN_PASSWORD:?is not set}" "${MLFLOW_FLASK_SERVER_SECRET_KEY:?is not set}"

# Otherwise it starts eight more processes, of 235 MB each, for jobs that nobody asks for.
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
