-- The tracking server's databases and their owner, who may do nothing else in PostgreSQL.
-- Run once by the superuser, with the owner's password in TRACKING_DATABASE_PASSWORD:
--   psql --set ON_ERROR_STOP=1 --dbname postgres --file deploy/databases.sql
\getenv password TRACKING_DATABASE_PASSWORD
CREATE ROLE mlflow LOGIN PASSWORD :'password';
CREATE DATABASE mlflow OWNER mlflow;
CREATE DATABASE mlflow_auth OWNER mlflow;
REVOKE ALL ON DATABASE mlflow, mlflow_auth FROM PUBLIC;
