-- Where in a state the payload begins, and its schema version: what folds a stream reads nothing
-- else, and metadata is most of a state. 0: not known (bytes that are no frame).

alter table log.events
    add column schema     smallint not null default 0,
    add column payload_at integer not null default 0;   -- bytes before it; after it comes one: }

-- What is there already: the bytes stay as they are. Strings in JSON escape their quotes, so that
-- the first of these keys is the frame's own.
update log.events e set schema = found.schema, payload_at = found.payload_at
from (
    select f.position, f.payload_at, substring(
        encode(substring(f.state from 1 for f.payload_at), 'escape') from '"schema":(\d{1,4})[,}]'
    )::smallint as schema
    from (
        select position, state, position('},"payload":'::bytea in state) + 11 as payload_at
        from log.events
        where substring(state from 1 for 12) = '{"metadata":'::bytea
    ) as f
    where f.payload_at > 11
) as found
where e.position = found.position and found.schema is not null;

-- As it was (0001), with the two columns; the rows go straight to their tables, which takes a
-- seventh less than through a common table expression.
drop function log.append_batch;
create function log.append_batch(
    p_streams text[], p_versions integer[], p_names text[], p_states bytea[], p_hashes bytea[],
    p_schemas integer[], p_payloads_at integer[],
    p_message_ids text[], p_request_hashes bytea[], p_keeps boolean[],
    p_e_streams text[], p_e_versions integer[],
    p_e_message_ids text[], p_e_request_hashes bytea[], p_e_keeps boolean[],
    p_c_streams text[], p_c_versions integer[], p_c_at_head boolean[],
    p_clock timestamptz
) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
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
        insert into log.events
            (position, stream, version, name, state, hash, committed_at, schema, payload_at)
        select base + nth, stream, version, name, state, hash, now, schema, payload_at
        from unnest(
            p_streams, p_versions, p_names, p_states, p_hashes, p_schemas, p_payloads_at
        ) with ordinality as a(stream, version, name, state, hash, schema, payload_at, nth);
        insert into log.messages
            (stream, message_id, request_hash, version, position, hash, keep, bound_at)
        select stream, message_id, request_hash, version, base + nth, hash, keep, now
        from unnest(
            p_streams, p_message_ids, p_request_hashes, p_versions, p_hashes, p_keeps
        ) with ordinality as a(stream, message_id, request_hash, version, hash, keep, nth)
        where message_id <> '';
        perform pg_notify('tidemark_log', (base + written)::text);
    end if;
    if cardinality(p_e_streams) > 0 then
        insert into log.messages
            (stream, message_id, request_hash, version, position, hash, keep, bound_at)
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
revoke execute on function log.append_batch from public;
do $$ begin
    if exists (select from pg_roles where rolname = 'tidemark_writer') then
        grant execute on function log.append_batch to tidemark_writer;
    end if;
end $$;
