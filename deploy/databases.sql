-- The tracking server's databases and their owner, who may do nothing else in PostgreSQL.
-- Run once by the superuser, with the owner's password in TRACKING_DATABASE_PASSWORD:
--   psql --set ON_ERROR_STOP=1 --dbname postgres --file deploy/databases.sql
\getenv password TRACKING_DATABASE_PASSWORD
CREATE ROLE mlflow LOGIN PASSWORD :'password';
-- In UTF-8, also where the cluster was made in the locale C: MLflow cannot read what is SQL_ASCII.
CREATE DATABASE mlflow OWNER mlflow ENCODING 'UTF8' TEMPLATE template0;
CREATE DATABASE mlflow_auth OWNER mlflow ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE mlflow, mlflow_auth FROM PUBLIC;
