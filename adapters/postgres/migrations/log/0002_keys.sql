-- One wrapped data key per client (adapters.keystore); null once it was destroyed.
-- Idempotent: a database from before there were numbered migrations is adopted by it.
create schema if not exists keys;
create table if not exists keys.data_keys (
    client_id text collate "C" primary key, wrapped bytea, destroyed boolean not null default false
);
