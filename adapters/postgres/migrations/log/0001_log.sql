-- The event log: immutable events in streams, one total order, one writer at a time.
-- Idempotent: a database from before there were numbered migrations is adopted by it.
-- No GIN, no jsonb, no sequence: states are bytes, positions come from log.head under the lock.

create schema if not exists log;

create table if not exists log.events (
    position     bigint primary key,
    stream       text collate "C" not null,
    version      integer not null,
    name         text collate "C" not null,
    state        bytea not null,
    hash         bytea not null,
    committed_at timestamptz not null,
    unique (stream, version)
);

create table if not exists log.messages (
    stream       text collate "C" not null,
    message_id   text collate "C" not null,
    request_hash bytea not null,
    version      integer not null,      -- of the stream after it
    position     bigint not null,       -- of its last event; 0: it changed nothing
    hash         bytea not null,        -- head hash of the stream after it
    keep         boolean not null,
    bound_at     timestamptz not null,
    primary key (stream, message_id)
);
create index if not exists messages_bound_at on log.messages using brin (bound_at);

create table if not exists log.head (
    one          boolean primary key default true check (one),
    position     bigint not null,
    committed_at timestamptz
) with (fillfactor = 10);               -- room for updates within the page
insert into log.head (position) values (0) on conflict do nothing;

create table if not exists log.snapshots (
    stream       text collate "C" not null,
    domain_hash  text collate "C" not null,
    version      integer not null,
    hash         bytea not null,
    state        bytea not null,
    primary key (stream, domain_hash)
);

-- The one lock of all writers, held to the end of the transaction: commit order is position order.
create or replace function log.take_turn() returns void language sql as $$
    select pg_advisory_xact_lock(7308332154838212455)
$$;

-- True when every stream has its version (0: always) and, where asked, nothing after it.
create or replace function log.stands(p_streams text[], p_versions integer[], p_at_head boolean[])
returns boolean language sql stable set enable_seqscan = off as $$
    select not exists (
        select from unnest(p_streams, p_versions, p_at_head) as c(stream, version, at_head)
        left join log.events as here on here.stream = c.stream and here.version = c.version
        left join log.events as next
            on c.at_head and next.stream = c.stream and next.version = c.version + 1
        where (c.version > 0 and here.stream is null) or next.stream is not null)
$$;

-- Append events, one array element each, with the message ids that the last event of each write
-- carries ('' on the others), and the messages of writes without events (p_e_*).
-- Returns the position before the first; null, with nothing written, when a stream of p_c_* does
-- not stand where it should. Raises unique_violation on a lost race or a known message.
create or replace function log.append_batch(
    p_streams text[], p_versions integer[], p_names text[], p_states bytea[], p_hashes bytea[],
    p_message_ids text[], p_request_hashes bytea[], p_keeps boolean[],
    p_e_streams text[], p_e_versions integer[],
    p_e_message_ids text[], p_e_request_hashes bytea[], p_e_keeps boolean[],
    p_c_streams text[], p_c_versions integer[], p_c_at_head boolean[],
    p_clock timestamptz
) returns bigint language plpgsql as $$
declare
    written constant integer := cardinality(p_streams);
    base bigint;
    now timestamptz;
begin
    perform log.take_turn();
    if cardinality(p_c_streams) > 0 and not log.stands(p_c_streams, p_c_versions, p_c_at_head) then
        return null;
    end if;
    if written = 0 then
        select position, greatest(p_clock, committed_at) into base, now from log.head;
    else
        update log.head
            set position = position + written, committed_at = greatest(p_clock, committed_at)
            returning position - written, committed_at into base, now;
        with arrived as materialized (
            select * from unnest(
                p_streams, p_versions, p_names, p_states, p_hashes,
                p_message_ids, p_request_hashes, p_keeps
            ) with ordinality as a(
                stream, version, name, state, hash, message_id, request_hash, keep, nth)
        ), bound as (
            insert into log.messages
            select stream, message_id, request_hash, version, base + nth, hash, keep, now
            from arrived where message_id <> ''
        )
        insert into log.events
        select base + nth, stream, version, name, state, hash, now from arrived;
        perform pg_notify('tidemark_log', (base + written)::text);
    end if;
    if cardinality(p_e_streams) > 0 then
        insert into log.messages
        select e.stream, e.message_id, e.request_hash, e.version, 0,
            coalesce(at.hash, ''::bytea), e.keep, now
        from unnest(p_e_streams, p_e_versions, p_e_message_ids, p_e_request_hashes, p_e_keeps)
            as e(stream, version, message_id, request_hash, keep)
        left join log.events as at on at.stream = e.stream and at.version = e.version
        where e.message_id <> '';
    end if;
    return base;
end
$$;

-- The last position with committed_at <= p_known_at. committed_at never falls as position grows,
-- so halving finds it through the primary key: no index for the append to keep.
create or replace function log.position_at(p_known_at timestamptz)
returns bigint language plpgsql stable set enable_seqscan = off as $$
declare
    low bigint := 0;                    -- known at that time, or before the log
    high bigint;                        -- not known yet, or past the log
    middle bigint;
    found_position bigint;
    found_at timestamptz;
begin
    select position + 1 into high from log.head;
    while high - low > 1 loop
        middle := low + (high - low) / 2;
        select position, committed_at into found_position, found_at from log.events
            where position > low and position <= middle order by position desc limit 1;
        if found_position is null then
            low := middle;              -- a hole: nothing to know there
        elsif found_at <= p_known_at then
            low := middle;
        else
            high := found_position;
        end if;
    end loop;
    select max(position) into found_position from log.events where position <= low;
    return coalesce(found_position, 0);
end
$$;
