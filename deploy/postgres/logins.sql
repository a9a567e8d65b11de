-- Logins, once `tidemark migrate --roles` has made the roles: one for each password that is given,
-- as a variable of psql (-v api=...) or of the environment (api_password=..., as logins.sh does).
--   psql "$OWNER_URL" -v ON_ERROR_STOP=1 -v writer="$W" -v projector="$P" ... -f logins.sql
--
--   api, worker   where one URL leads to the clients' keys and the read models (the log is on
--                 EventStoreDB): members of writer and projector
--   others        the roles themselves
-- Connection limits: what docs/operations.md counts for one process of each kind, times two, and
-- four workers. May be repeated; a password that is given again is set again.
\getenv api api_password
\getenv worker worker_password
\getenv writer writer_password
\getenv relay relay_password
\getenv projector projector_password
\getenv reader reader_password
\getenv analyst analyst_password
set password_encryption = 'scram-sha-256';

select not exists (select from pg_roles where rolname = 'tidemark_api') as no_api,
    not exists (select from pg_roles where rolname = 'tidemark_worker') as no_worker \gset
\if :{?api}
    \if :no_api
create role tidemark_api;
    \endif
grant tidemark_writer, tidemark_projector to tidemark_api;
alter role tidemark_api with login password :'api' connection limit 40;
\endif
\if :{?worker}
    \if :no_worker
create role tidemark_worker;
    \endif
grant tidemark_writer, tidemark_projector to tidemark_worker;
alter role tidemark_worker with login password :'worker' connection limit 120;
\endif
\if :{?writer}
alter role tidemark_writer with login password :'writer' connection limit 40;
\endif
\if :{?relay}
alter role tidemark_relay with login password :'relay' connection limit 40;
\endif
\if :{?projector}
alter role tidemark_projector with login password :'projector' connection limit 40;
\endif
\if :{?reader}
alter role tidemark_reader with login password :'reader' connection limit 60;
\endif
\if :{?analyst}
alter role tidemark_analyst with login password :'analyst' connection limit 10;
alter role tidemark_analyst set statement_timeout = '60s';
alter role tidemark_analyst set default_transaction_read_only = on;
\endif
