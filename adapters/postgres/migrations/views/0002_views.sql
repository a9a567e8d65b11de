-- Where the views' tables are made, and what they are shared by. The tables themselves follow from
-- the views' row types (adapters.view_tables) and are rebuilt, never migrated.
-- Idempotent up to the functions: a database from before there were numbered migrations has these.

create schema if not exists views;
create schema if not exists views_next; -- a rebuild fills it beside `views`

create table if not exists views.checkpoints (
    view text collate "C" not null, partition integer not null, position bigint not null,
    version integer not null, generation bigint not null default 0, primary key (view, partition)
);
create table if not exists views_next.checkpoints (
    view text collate "C" not null, partition integer not null, position bigint not null,
    version integer not null, generation bigint not null default 0, primary key (view, partition)
);

-- Who reads (adapters.row_guard): said by the session, never by the statement.
create or replace function tidemark.operates() returns boolean language sql stable as $$
    select coalesce(current_setting('tidemark.role', true) = 'operations', false)
$$;

-- Whether anybody reads at all: without an identity there is nothing to see.
create or replace function tidemark.known() returns boolean language sql stable as $$
    select coalesce(current_setting('tidemark.role', true) <> '', false)
$$;

create or replace function tidemark.analyses() returns boolean language sql stable as $$
    select exists (
        select from pg_roles
        where rolname = 'tidemark_analyst' and pg_has_role(current_user, oid, 'usage'))
$$;

-- The ids in a setting such as tidemark.account_ids, separated by commas; null when there are none.
create or replace function tidemark.ids(p_setting text) returns text[] language sql stable as $$
    select string_to_array(nullif(current_setting(p_setting, true), ''), ',')
$$;
