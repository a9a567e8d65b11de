-- What the sagas' runner keeps. All of it is derived from the log and may be deleted at any time.
-- Idempotent: a database from before there were numbered migrations is adopted by it.
create schema if not exists sagas;

create table if not exists sagas.state (
    saga text collate "C" not null,
    id text collate "C" not null,
    body text not null, -- JSON, no personal data
    due_at timestamptz, -- what the timer looks for
    ended boolean not null,
    primary key (saga, id)
) with (fillfactor = 80); -- most rows change a few times soon after they are made

create index if not exists state_due on sagas.state (due_at, saga, id) where due_at is not null;
create index if not exists state_unfinished on sagas.state (saga, id) where not ended;

create table if not exists sagas.outbox (
    message_id text collate "C" primary key,
    saga text collate "C" not null,
    saga_id text not null,
    position bigint not null, -- of the cause in the log
    index integer not null, -- among the commands that one saga owes for one cause
    command text not null,
    body text not null, -- JSON, no personal data
    causation_id text not null,
    correlation_id text not null,
    effective_at timestamptz not null
);

create index if not exists outbox_order on sagas.outbox (position, saga, index);

create table if not exists sagas.checkpoint (
    saga text collate "C" not null,
    partition integer not null,
    position bigint not null,
    version integer not null, -- of the saga's code that the rows were made by
    primary key (saga, partition)
);

-- One page's effect in one round trip and one transaction. The checkpoints are taken first: a
-- second runner waits for the first, finds them moved, and nothing of its page stays.
create or replace function sagas.save(
    part integer, moves json, states json, owed json, answered text[]
) returns void language plpgsql as $$
declare
    moved integer;
begin
    update sagas.checkpoint c set position = m.after
    from json_to_recordset(moves) as m (saga text collate "C", before bigint, after bigint)
    where c.saga = m.saga and c.partition = part and c.position = m.before;
    get diagnostics moved = row_count;
    if moved <> json_array_length(moves) then
        raise exception 'expelled' using errcode = 'TM001';
    end if;
    if json_array_length(states) > 0 then
        insert into sagas.state (saga, id, body, due_at, ended)
        select saga, id, body, due_at, ended from json_to_recordset(states)
            as r (saga text, id text, body text, due_at timestamptz, ended boolean)
        on conflict (saga, id) do update
            set body = excluded.body, due_at = excluded.due_at, ended = excluded.ended;
    end if;
    if cardinality(answered) > 0 then
        delete from sagas.outbox where message_id = any(answered);
    end if;
    if json_array_length(owed) > 0 then
        insert into sagas.outbox select * from json_to_recordset(owed) as r (
            message_id text, saga text, saga_id text, position bigint, index integer,
            command text, body text, causation_id text, correlation_id text,
            effective_at timestamptz)
        on conflict (message_id) do nothing;
    end if;
end
$$;
