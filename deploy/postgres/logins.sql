-- Logins for the four roles, once `tidemark migrate --roles` has made them. With psql:
--   psql "$OWNER_URL" -v writer="$W" -v projector="$P" -v reader="$R" -v analyst="$A" -f logins.sql
-- Connection limits: what docs/operations.md counts for one process of each kind, times two.
set password_encryption = 'scram-sha-256';
alter role tidemark_writer with login password :'writer' connection limit 40;
alter role tidemark_projector with login password :'projector' connection limit 40;
alter role tidemark_reader with login password :'reader' connection limit 60;
alter role tidemark_analyst with login password :'analyst' connection limit 10;
alter role tidemark_analyst set statement_timeout = '60s';
alter role tidemark_analyst set default_transaction_read_only = on;
