-- The log is immutable by privilege: who appends needs no right on its tables but to read them.
-- What changes them are these two functions, which run as the schema's owner.

alter function log.append_batch security definer;
alter function log.append_batch set search_path = pg_catalog, pg_temp;
revoke execute on function log.append_batch from public;

-- Forget idempotency keys bound before a moment, but never one that is kept for ever.
create function log.forget_messages(p_before timestamptz, p_most integer) returns bigint
language sql security definer set search_path = pg_catalog, pg_temp as $$
    with old as (
        select stream, message_id from log.messages
        where not keep and bound_at < p_before limit p_most
    ), gone as (
        delete from log.messages m using old
        where m.stream = old.stream and m.message_id = old.message_id returning 1
    )
    select count(*) from gone
$$;
revoke execute on function log.forget_messages from public;
