-- Rights on the log's database; may be repeated. Applied by `tidemark migrate --roles`.
-- The roles have no login of their own: deploy/postgres/logins.sql gives logins.

do $$ declare missing text; begin
    foreach missing in array
        array['tidemark_writer', 'tidemark_relay', 'tidemark_projector', 'tidemark_reader',
            'tidemark_analyst']
    loop
        if not exists (select from pg_roles where rolname = missing) then
            execute format('create role %I nologin', missing);
        end if;
    end loop;
end $$;

-- Who appends: reads all, changes nothing but through functions. Snapshots are a cache.
grant usage on schema log to tidemark_writer;
grant select on log.events, log.messages, log.head, log.snapshots to tidemark_writer;
grant insert, update, delete, truncate on log.snapshots to tidemark_writer;
grant execute on function log.append_batch to tidemark_writer;
grant execute on function log.forget_messages to tidemark_writer;

-- The clients' keys are for those who write and decide.
grant usage on schema keys to tidemark_writer;
grant select, insert, update on keys.data_keys to tidemark_writer;

-- Who folds: reads events, in which what is personal stays ciphertext.
grant usage on schema log to tidemark_projector;
grant select on log.events, log.messages, log.head, log.snapshots to tidemark_projector;

-- Who publishes: reads events too, and nothing else of ours anywhere.
grant usage on schema log to tidemark_relay;
grant select on log.events, log.head, log.snapshots to tidemark_relay;
