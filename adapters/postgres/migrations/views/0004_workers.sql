-- What workers on a bus share: the sagas' lease, views that are stuck, in how many partitions a view
-- is kept.

-- Who may run the sagas of a partition (`adapters/saga_lease.py` takes and renews it).
create table if not exists sagas.lease (
    partition integer primary key,
    holder text not null,
    fence bigint not null, -- grows with every taking
    until timestamptz not null
);

-- Whether a fence is still the lease's. The row stays locked to the end of the transaction, so the
-- next holder waits for what this one is writing.
create or replace function sagas.check_fence(part integer, given bigint)
returns void language plpgsql as $$
begin
    perform 1 from sagas.lease l where l.partition = part and l.fence = given for share;
    if not found then
        raise exception 'fenced' using errcode = 'TM001';
    end if;
end
$$;

-- Views that stand before an event they cannot fold (adapters.stuck_views).
create table if not exists views.stuck (
    view text collate "C" not null, partition integer not null, position bigint not null,
    stream text not null, version bigint not null, error text not null,
    primary key (view, partition)
);

alter table views.checkpoints add column if not exists partitions integer not null default 1;
alter table views_next.checkpoints add column if not exists partitions integer not null default 1;
