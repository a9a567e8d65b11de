"""More of the table of tampering: rows of other tables, and the definitions of the tables."""

from tests.contract.proof.tampers import A, Case, sql

STOCK = "(select id from street.entries where kind = 'stock' order by id limit 1)"
DEPOSIT = "(select id from street.entries where starts_with(id, 'account-') order by id limit 1)"
EVENT = f"position, stream, version, 'bad' from log.events where stream = '{A}' and version = 2"
AHEAD = "position + 9, stream, version, 'bad' from log.events order by position desc limit 1"
HERE = "do $$ begin execute format($s$alter database %%I set"

STREET = (
    Case("an amount of the custodian's", sql("update street.entries set amount = amount + 1 where "
         f"id = {STOCK}"), "", ":stock differs from the log"),
    Case("an amount of the bank's", sql(f"update street.entries set amount = 0 where id = {DEPOSIT}"
         ), "", "differs from the log"),
    Case("a unit of the street's", sql(f"update street.entries set unit = 'X' where id = {STOCK}"),
         "", "differs from the log"),
    Case("a kind of the street's", sql("update street.entries set kind = 'cash' where id = "
         f"{STOCK}"), "", "differs from the log"),
    Case("an id of the street's", sql(f"update street.entries set id = id || 'x' where id = {STOCK}"
         ), "", ":stock is missing"),
    Case("a booking of the custodian gone", sql(f"delete from street.entries where id = {STOCK}"),
         "", ":stock is missing"),
    Case("a booking of the bank gone", sql(f"delete from street.entries where id = {DEPOSIT}"),
         "", "is missing"),
    Case("a booking made up", sql("insert into street.entries values ('camt.054:P.RTN', 'cash', "
         "'USD', 5000)"), "", "camt.054:P.RTN was booked, and the log holds no report of it"),
    Case("the bank has read less", sql("update street.read set position = 40"), "",
         "was booked, and the log holds no report of it"),
    Case("the bank has read nothing", sql("delete from street.read"), "",
         "was booked, and the log holds no report of it"),
    Case("the bank has read beyond the log", sql("update street.read set position = position + 5"),
         "", "the bank has read the log up to"),
    Case("two places where the bank has read to", sql("insert into street.read values (false, 1)"),
         "", "street.read holds 2 rows"),
)  # fmt: skip

SAGAS = (
    Case("a saga of a coming version", sql("update sagas.checkpoint set version = version + 1 where"
         " saga = 'order'"), "", "order: ('it was written by version"),
    Case("a gateway of an old version", sql("update sagas.checkpoint set version = 0 where saga = "
         "'bank'"), "", "bank: ('it was written by version 0"),
    Case("a saga in another partition", sql("update sagas.checkpoint set partition = 7 where saga "
         "= 'order'"), "", "a checkpoint of partition 7"),
    Case("a saga in one partition more", sql("insert into sagas.checkpoint select saga, 7, position"
         ", version from sagas.checkpoint where saga = 'order'"), "",
         "a checkpoint of partition 7"),
    Case("where a saga stands gone", sql("delete from sagas.checkpoint where saga = 'order'"), "",
         "and no checkpoint"),
    Case("a saga behind the log's beginning", sql("update sagas.checkpoint set position = -3 where "
         "saga = 'order'"), "", "order: "),
    Case("a command of a saga that is none", sql("insert into sagas.outbox values ('m', 'ghost', "
         "'x', 1, 0, 'SendWithdrawal', '{}', 'c', 'c', now())"), "", "ghost: ('m is in the outbox"),
    Case("a saga forgotten whole", sql("with gone as (delete from sagas.state where saga = 'order')"
         " delete from sagas.checkpoint where saga = 'order'"), "", ""),
    Case("the sagas' lease", sql("insert into sagas.lease values (0, 'me', 99, now())"), "", ""),
)  # fmt: skip

VIEWS = (
    Case("a view of a coming version", sql("update views.checkpoints set version = 99 where view = "
         "'cash'"), "", "cash: ('it was written by version 99"),
    Case("a view of an old version", sql("update views.checkpoints set version = 0 where view = "
         "'cash'"), "", "cash: ('it was written by version 0"),
    Case("a view in two partitions, one of them gone", sql("update views.checkpoints set partitions"
         " = 2 where view = 'cash'"), "", "its checkpoints are incomplete: partitions 0 of 2"),
    Case("a view in another partition", sql("update views.checkpoints set partition = 3 where view "
         "= 'cash'"), "", "its checkpoints are incomplete: partitions 3 of 1"),
    Case("a view in one partition more", sql("insert into views.checkpoints select view, 1, "
         "position, version, generation, partitions from views.checkpoints where view = 'cash'"),
         "", "its checkpoints are incomplete"),
    Case("a view's generation", sql("update views.checkpoints set generation = 99 where view = "
         "'cash'"), "", ""),
    Case("a generation below the first", sql("update views.checkpoints set generation = -1 where "
         "view = 'cash'"), "", "generations"),
    Case("where a view stands gone", sql("delete from views.checkpoints where view = 'cash'"), "",
         "its table has no checkpoint"),
    Case("a view's table gone", sql("drop table views.cash"), "", "cash: ('its table is gone"),
    Case("a view's column gone", sql("alter table views.cash drop column settled"), "",
         "cash: ('its table lacks settled"),
    Case("a view put back", sql("update views.checkpoints set position = 40 where view = 'cash'"),
         "", "cash"),
    Case("a view called stuck", sql(f"insert into views.stuck select 'cash', 0, {EVENT}"), "",
         "cash: ('it is marked as stuck before"),
    Case("a view called stuck in no partition", sql(f"insert into views.stuck select 'cash', 7, "
         f"{EVENT}"), "", "marked as stuck"),
    Case("a view called stuck beyond the log", sql(f"insert into views.stuck select 'cash', 0, "
         f"{AHEAD}"), "", "marked as stuck"),
    Case("a view that is none called stuck", sql(f"insert into views.stuck select 'ghost', 0, "
         f"{EVENT}"), "", "ghost: ('it is marked"),
)  # fmt: skip

KEYS = (
    Case("a key that is called destroyed at a time", sql("update keys.data_keys set destroyed_at = "
         "now() where client_id = 'C00001'"), "keys.data_keys was changed", "?"),
    Case("a key of a client who never was", sql("insert into keys.data_keys values ('GHOST', "
         "'x')"), "client-GHOST@0: its row in keys.data_keys was changed"),
    Case("a client's key kept under another name", sql("insert into keys.data_keys select 'GHOST', "
         "wrapped from keys.data_keys where client_id = 'C00001'"), "that another client's row"),
    Case("an erasure of a client who never was", sql("insert into keys.data_keys values ('GHOST', "
         "'x', true)"), "client-GHOST@0: its row in keys.data_keys was changed"),
)  # fmt: skip

HEAD = (
    Case("the head gone", sql("delete from log.head"), "log.head holds 0 rows", "log.head holds 0"),
    Case("two heads", sql("alter table log.head drop constraint head_one_check; insert into "
         "log.head select false, position, committed_at from log.head"), "log.head holds 2 rows",
         "log.head holds 2"),
)  # fmt: skip

LOG_SCHEMA = (
    Case("a function replaced", sql("create or replace function log.take_turn() returns void "
         "language sql as 'select'"), "function log.take_turn() was changed"),
    Case("the append for its caller's rights", sql("alter function log.append_batch security "
         "invoker"), "function log.append_batch("),
    Case("a function of the same name", sql("create function log.take_turn(n int) returns void "
         "language sql as 'select'"), "function log.take_turn(n integer): no migration makes it"),
    Case("a trigger dropped", sql("drop trigger tell_destruction on keys.data_keys"),
         "trigger keys.data_keys.tell_destruction is gone"),
    Case("a trigger switched off", sql("alter table keys.data_keys disable trigger "
         "note_destruction"), "trigger keys.data_keys.note_destruction was changed"),
    Case("a trigger added", sql("create trigger note before update on log.events for each row "
         "execute function keys.note_destruction()"),
         "trigger log.events.note: no migration makes it"),
    Case("a rule added", sql("create rule swallow as on delete to log.messages do instead nothing"),
         "table log.messages was changed"),
    Case("a constraint dropped", sql("alter table log.events drop constraint "
         "events_stream_version_key"), "constraint log.events.events_stream_version_key is gone"),
    Case("an index dropped", sql("drop index log.messages_bound_at"), "messages_bound_at is gone"),
    Case("an index added", sql("create unique index one_name on log.events (name, position)"),
         "index log.events.one_name: no migration makes it"),
    Case("a column's default", sql("alter table log.messages alter keep set default true"),
         "column log.messages.keep was changed"),
    Case("a column's type", sql("alter table log.messages alter version type bigint"),
         "column log.messages.version was changed"),
    Case("a column added", sql("alter table log.events add column note text"),
         "column log.events.note: no migration makes it"),
    Case("a table added", sql("create table log.events_too (like log.events)"),
         "table log.events_too: no migration makes it"),
    Case("a table that a crash empties", sql("alter table log.snapshots set unlogged"),
         "table log.snapshots was changed"),
    Case("row security on the log", sql("alter table log.events enable row level security"),
         "table log.events was changed"),
    Case("a right to change events", sql("grant update on log.events to pg_monitor"),
         "right log.events pg_monitor UPDATE: no migration grants it"),
    Case("a right to change one column", sql("grant update (state) on log.events to pg_monitor"),
         "right log.events.state pg_monitor UPDATE: no migration grants it"),
    Case("another owner of the events", sql("alter table log.events owner to pg_monitor"),
         "owner log.events pg_monitor"),
    Case("another owner of a function", sql("alter function log.take_turn owner to pg_monitor"),
         "owner log.take_turn pg_monitor"),
    Case("another owner of the keys", sql("alter schema keys owner to pg_monitor"),
         "owner schema keys pg_monitor"),
    Case("a table that is read as messages", sql("create table public.more () inherits "
         "(log.messages)"), "table log.messages was changed"),
    Case("everybody may append", sql("grant execute on function log.append_batch to public"),
         "right log.append_batch - EXECUTE"),
    Case("everybody may read the keys", sql("grant select on keys.data_keys to public"),
         "right keys.data_keys - SELECT"),
    Case("a right to pass on", sql("grant select on log.events to pg_monitor with grant option"),
         "right log.events pg_monitor SELECT with grant option"),
    Case("row security on the owner too", sql("alter table keys.data_keys force row level "
         "security"), "table keys.data_keys was changed"),
    Case("a default right", sql("alter default privileges in schema log grant update on tables "
         "to public"), "in schema log: UPDATE for -"),
    Case("triggers off for the whole database", sql(f"{HERE} session_replication_role = replica"
         "$s$, current_database()); end $$"), "setting session_replication_role of the database",
         "setting session_replication_role of the database"),
    Case("other names first for the whole database", sql(f"{HERE} search_path = keys, pg_catalog"
         "$s$, current_database()); end $$"), "setting search_path of the database",
         "setting search_path of the database"),
    Case("an event trigger", sql("create function public.late() returns event_trigger language "
         "plpgsql as 'begin end'; create event trigger late on ddl_command_end execute function "
         "public.late()"), "event trigger late: no migration makes it",
         "event trigger late: no migration makes it"),
    Case("a type added", sql("create domain keys.text as pg_catalog.text"),
         "type keys.text: no migration makes it"),
    Case("an operator added", sql("create operator log.= (leftarg = bytea, rightarg = bytea, "
         "function = byteane)"), "operator log.="),
    Case("a migration's name", sql("update tidemark.migrations set name = 'x' where part = 'log' "
         "and number = 2"), "tidemark.migrations is not the list"),
    Case("a migration that was none", sql("delete from tidemark.migrations where part = 'log' and "
         "number = 2"), "tidemark.migrations is not the list"),
)  # fmt: skip

VIEWS_SCHEMA = (
    Case("the sagas' save replaced", sql("create or replace function sagas.check_fence(part integer"
         ", given bigint) returns void language sql as 'select'"), "",
         "function sagas.check_fence"),
    Case("the readers' rows opened", sql("create or replace function tidemark.operates() returns "
         "boolean language sql stable as 'select true'"), "", "function tidemark.operates"),
    Case("a view's policy", sql("alter policy readers on views.cash using (true)"), "",
         "policy views.cash.readers was changed"),
    Case("a view's policy with brackets moved", sql("alter policy readers on views.accounts "
         "using ((select tidemark.operates() or tidemark.analyses()) or (account_id = any ((select "
         "tidemark.ids('tidemark.account_ids'))::text[]) or client_id = any ((select "
         "tidemark.ids('tidemark.client_ids'))::text[])))"), "",
         "policy views.accounts.readers was changed"),
    Case("a view of SQL among the views", sql("create view views.money as select 1 as one"), "",
         "view views.money: no migration makes it"),
    Case("a table among the views", sql("create table views.money (one int)"), "",
         "table views.money: no migration makes it"),
    Case("a function beside the views", sql("create function views_next.f() returns int language "
         "sql as 'select 1'"), "", "function views_next.f(): no migration makes it"),
    Case("a view's policy dropped", sql("drop policy readers on views.cash"), "",
         "policy views.cash.readers is gone"),
    Case("a view's row security", sql("alter table views.cash disable row level security"), "",
         "table views.cash was changed"),
    Case("a view's default", sql("alter table views.cash alter traded set default 5"), "",
         "column views.cash.traded was changed"),
    Case("a view's index", sql("drop index views.accounts_status_idx"), "",
         "accounts_status_idx is gone"),
    Case("a view's key", sql("alter table views.cash drop constraint cash_pkey"), "",
         "constraint views.cash.cash_pkey is gone"),
    Case("a trigger on a view", sql("create trigger note before update on views.cash for each row "
         "execute function keys.note_destruction()"), "",
         "trigger views.cash.note: no migration makes it"),
    Case("a right to change a view", sql("grant update on views.cash to pg_monitor"), "",
         "right views.cash pg_monitor UPDATE"),
    Case("another owner of a view", sql("alter table views.cash owner to pg_monitor"), "",
         "owner views.cash pg_monitor"),
    Case("a right to change a view's column", sql("grant update (traded) on views.cash to "
         "pg_monitor"), "", "right views.cash.traded pg_monitor UPDATE"),
    Case("a table of the street's added", sql("create table street.more ()"), "",
         "table street.more: no migration makes it"),
    Case("a migration's name of the views", sql("update tidemark.migrations set name = 'x' where "
         "part = 'views' and number = 2"), "", "tidemark.migrations is not the list"),
)  # fmt: skip

ROWS = (*STREET, *SAGAS, *VIEWS, *KEYS, *HEAD, *LOG_SCHEMA, *VIEWS_SCHEMA)
