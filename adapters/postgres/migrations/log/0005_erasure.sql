-- When a key was destroyed, and word of it to every process that holds keys in memory: it stops
-- using one as soon as the row says so, whoever has changed it. The row of an erasure holds our
-- mark in the place of the key (adapters.keystore); a key that was only called destroyed goes too.

alter table keys.data_keys add column destroyed_at timestamptz;
update keys.data_keys set destroyed_at = now() where destroyed;   -- when it was noted: no later

create function keys.note_destruction() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if new.destroyed then
        new.destroyed_at := coalesce(new.destroyed_at, now());
        if tg_op = 'UPDATE' and not old.destroyed and new.wrapped is not distinct from old.wrapped then
            new.wrapped := null;
        end if;
    end if;
    return new;
end
$$;
create trigger note_destruction before insert or update on keys.data_keys
    for each row execute function keys.note_destruction();

create function keys.tell_destruction() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    perform pg_notify('tidemark_keys', old.client_id);
    return null;
end
$$;
create trigger tell_destruction after update or delete on keys.data_keys
    for each row execute function keys.tell_destruction();
