"""Finds foreign objects and settings that change our statements or open our schemas.

    settings of the database and of our roles | event triggers | default rights
    anything in our schemas that no migration makes: types, domains, operators, views, ...

`schema_audit` compares our own definitions. Here nothing is expected, so every finding is a fault.
"""

from collections.abc import Sequence
from typing import Any

from psycopg import Connection

BESIDE = "views_next"  # rebuilds put tables there; it holds nothing else
SETTINGS = (
    r"\w+_timeout",
    r"(maintenance_|autovacuum_|logical_decoding_)?work_mem",
    r"temp_(buffers|file_limit)",
    "default_transaction_read_only",
    r"(log|track|jit|enable|effective|max_parallel|tcp)_\w+|jit",
    r"\w+_cost",
    r"(auto_explain|pg_stat_statements|pgaudit)\.\w+",
    "application_name|client_min_messages|lc_messages|timezone",
)
"""Settings that a database or role may have: limits, logging and planning change no results."""

_OURS = """
ours as (
    select r.oid from pg_roles r
    where r.rolname in (session_user, current_user) or starts_with(r.rolname, 'tidemark_')
        or exists (select from pg_namespace n
            where n.nspname = any(%(schemas)s) and n.nspowner = r.oid)
        or not r.rolsuper and exists (select from pg_roles t
            where starts_with(t.rolname, 'tidemark_') and pg_has_role(r.oid, t.oid, 'member')))
"""
_SETTINGS = f"""
with {_OURS}
select format('setting %%s of %%s: no migration makes it', split_part(one, '=', 1),
    case s.setrole when 0 then 'the database' else s.setrole::regrole::text end)
from pg_db_role_setting s, unnest(s.setconfig) as one
where s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
    and (s.setrole = 0 or s.setrole in (select oid from ours))
    and split_part(one, '=', 1) !~* %(settings)s
union all
select format('setting %%s is %%s', name, setting) from pg_settings
where name in ('session_replication_role', 'row_security') and setting <> boot_val
"""
_EVENT_TRIGGERS = (
    "select format('event trigger %s: no migration makes it', evtname) from pg_event_trigger"
)
_DEFAULT_RIGHTS = f"""
with {_OURS}
select format('default right of what %%s makes in %%s: %%s for %%s: no migration grants it',
    d.defaclrole::regrole, coalesce('schema ' || n.nspname, 'any schema'), a.privilege_type,
    a.grantee::regrole)
from pg_default_acl d left join pg_namespace n on n.oid = d.defaclnamespace,
    aclexplode(d.defaclacl) as a
where case when n.oid is null then d.defaclrole in (select oid from ours)
        else n.nspname = any(%(schemas)s) end
    and a.grantee <> d.defaclrole
    and not (a.grantee = 0 -- what everybody has anyhow
        and (d.defaclobjtype::text, a.privilege_type) in (('f', 'EXECUTE'), ('T', 'USAGE')))
"""
_OBJECTS = """
select format('%%s %%s: no migration makes it', i.type, i.identity)
from pg_depend d join pg_namespace n on n.oid = d.refobjid
    and d.refclassid = 'pg_namespace'::regclass and n.nspname = any(%(schemas)s),
    pg_identify_object(d.classid, d.objid, d.objsubid) as i
where d.classid not in ('pg_class'::regclass, 'pg_default_acl'::regclass)
    and (d.classid <> 'pg_proc'::regclass or n.nspname = %(beside)s)
union all
select format('%%s %%s: no migration makes it', i.type, i.identity)
from pg_class c join pg_namespace n on n.oid = c.relnamespace,
    pg_identify_object('pg_class'::regclass, c.oid, 0) as i
where n.nspname = any(%(schemas)s) and c.relkind not in ('i', 'I', 'c') and (
    n.nspname = %(beside)s and c.relkind <> 'r'
    or n.nspname = 'views' and c.relname <> all(%(tables)s) and ( -- else a view of another build
        c.relkind <> 'r'
        or coalesce(obj_description(c.oid, 'pg_class'), '') not like 'guarded %%'))
"""


def around(connection: Connection[Any], schemas: Sequence[str], tables: Sequence[str]) -> list[str]:
    """One line per foreign object or setting; `tables` are our tables in schema `views`."""
    beside = [BESIDE] if "views" in schemas else []
    named = {
        "schemas": [*schemas, *beside],
        "tables": list(tables),
        "beside": BESIDE,
        "settings": f"^({'|'.join(SETTINGS)})$",
    }
    found = [line for (line,) in connection.execute(_EVENT_TRIGGERS.encode()).fetchall()]
    for query in (_SETTINGS, _DEFAULT_RIGHTS, _OBJECTS):
        found += [line for (line,) in connection.execute(query.encode(), named).fetchall()]
    return sorted(found)
