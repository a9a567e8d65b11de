-- What the sagas' runner keeps. All of it is derived from the log and may be deleted at any time.
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
