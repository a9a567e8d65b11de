-- Rights on the read models' database; may be repeated. Applied by `tidemark migrate --roles`.
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

-- Who folds: makes and owns the views' tables, which are rebuilt when their version changes.
grant usage, create on schema views, views_next to tidemark_projector;
grant usage on schema sagas, street to tidemark_projector;
grant select, insert, update, delete on all tables in schema sagas, street to tidemark_projector;
grant select, insert, update, delete on views.checkpoints, views_next.checkpoints, views.stuck
    to tidemark_projector;
do $$ declare made record; begin -- what another role has made before there were roles
    for made in
        select format('%I.%I', schemaname, tablename) as name from pg_tables
        where schemaname in ('views', 'views_next') and tablename not in ('checkpoints', 'stuck')
            and tableowner <> 'tidemark_projector'
    loop
        execute format('alter table %s owner to tidemark_projector', made.name);
    end loop;
end $$;

-- Who reads: the views' tables, as far as their policies go (adapters.postgres.views.row_guard grants them).
grant usage on schema views to tidemark_reader, tidemark_analyst;
grant select on views.checkpoints, views.stuck to tidemark_reader;
