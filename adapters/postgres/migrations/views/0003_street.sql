-- What the simulated bank and custodian say stands on our accounts (adapters.simulators.statement).
-- Idempotent: a database from before there were numbered migrations is adopted by it.
create schema if not exists street;
create table if not exists street.entries (
    id text collate "C" primary key, kind text not null, unit text not null, amount numeric not null
);
create table if not exists street.read (one boolean primary key default true, position bigint);
