-- Creates the tracking server's databases and their owner, who has no other rights in PostgreSQL.
-- The superuser runs it once, with the owner's password in TRACKING_DATABASE_PASSWORD:
--   psql --set ON_ERROR_STOP=1 --dbname postgres --file deploy/databases.sql
\getenv password TRACKING_DATABASE_PASSWORD
CREATE ROLE mlflow LOGIN PASSWORD :'password';
-- UTF-8 even if the cluster has the locale C: MLflow cannot read SQL_ASCII.
CREATE DATABASE mlflow OWNER mlflow ENCODING 'UTF8' TEMPLATE template0;
CREATE DATABASE mlflow_auth OWNER mlflow ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE mlflow, mlflow_auth FROM PUBLIC;
