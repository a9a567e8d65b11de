"""Checks that tables and functions are defined as this build's migrations define them.

    catalogue of the server --lines--> {thing: definition} = migrations/definitions.txt
                                                          + definitions from the views' rows

A replaced function, a dropped trigger or a lost constraint changes all later writes, and no row
shows it. `scripts/schema_definitions.py` writes `definitions.txt` from a migrated database. Rights,
of columns too, are faults only if they are not listed there; rights to read are compared in `log`
and `keys` only. Owners have all rights: they may be a superuser, the role that made the schemas or,
for the views' tables, the projector. `schema_around` finds the rest.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import sha256
from typing import Any

import psycopg
from psycopg import Connection

from adapters.operations.schema_around import around
from adapters.postgres.link.connections import connect, unavailable
from adapters.postgres.versions import FOLDER, Part, migrations
from adapters.postgres.views.tables import CHECKPOINTS, Table
from projections.catalogue import VIEWS

DEFINITIONS = FOLDER / "definitions.txt"
SCHEMAS: Mapping[Part, tuple[str, ...]] = {
    "log": ("log", "keys"),
    "views": ("sagas", "street", "views", "tidemark"),
}
SHOWN_MAX = 20
_OURS = (CHECKPOINTS, "stuck")  # tables in schema views that belong to no view
_TABLES = tuple(Table("views", view) for view in VIEWS)
_VIEWS_TABLES = [*_OURS, *(table.view for table in _TABLES)]
_APPLIED = "select number, name, hash from tidemark.migrations where part = %s order by 1"

_RELATIONS = """
with r as (
    select c.*, n.nspname || '.' || c.relname as name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = any(%(schemas)s) and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
        and (n.nspname <> 'views' or c.relname = any(%(tables)s)))
select 'table ' || name, concat_ws(' ', relkind, relpersistence,
    case when relrowsecurity then 'row security' end,
    case when relforcerowsecurity then 'forced' end, case when relhasrules then 'rules' end,
    case when relkind = 'r' and exists (
        select from pg_inherits where r.oid in (inhparent, inhrelid)) then 'inherits' end)
from r
union all
select 'column ' || r.name || '.' || a.attname, concat_ws(' ',
    format_type(a.atttypid, a.atttypmod),
    (select 'collate ' || collname from pg_collation where oid = a.attcollation
        and collname <> 'default'),
    case when a.attnotnull then 'not null' end,
    'default ' || pg_get_expr(d.adbin, d.adrelid),
    nullif(concat(a.attgenerated, a.attidentity), ''))
from r join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
left join pg_attrdef d on d.adrelid = r.oid and d.adnum = a.attnum
union all
select 'constraint ' || r.name || '.' || k.conname, concat_ws(' ', pg_get_constraintdef(k.oid),
    case when not k.convalidated then 'not valid' end)
from r join pg_constraint k on k.conrelid = r.oid where k.contype <> 'n'
union all
select 'index ' || r.name || '.' || x.relname, concat_ws(' ', pg_get_indexdef(i.indexrelid),
    case when not i.indisvalid then 'invalid' end)
from r join pg_index i on i.indrelid = r.oid join pg_class x on x.oid = i.indexrelid
where not exists (select from pg_constraint k where k.conindid = i.indexrelid)
union all
select 'trigger ' || r.name || '.' || t.tgname,
    concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled)
from r join pg_trigger t on t.tgrelid = r.oid where not t.tgisinternal
union all
select 'policy ' || r.name || '.' || p.polname, concat_ws(' ', p.polcmd,
    case when p.polpermissive then 'true' else 'false' end, p.polroles::text,
    pg_get_expr(p.polqual, r.oid), pg_get_expr(p.polwithcheck, r.oid))
from r join pg_policy p on p.polrelid = r.oid
"""
_FUNCTIONS = """
select format('function %%s.%%s(%%s)', n.nspname, p.proname,
    pg_get_function_identity_arguments(p.oid)),
    concat_ws(' ', pg_get_function_result(p.oid), l.lanname, p.provolatile,
    case when p.prosecdef then 'definer' end, case when p.proisstrict then 'strict' end,
    p.proconfig::text), p.prosrc
from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
where n.nspname = any(%(schemas)s)
"""
_RIGHTS = """
select distinct format('right %%s %%s %%s', what, coalesce(a.grantee::regrole::text, '?'), a.type)
from (
    select 'schema ' || nspname, nspowner, coalesce(nspacl, acldefault('n', nspowner))
    from pg_namespace where nspname = any(%(schemas)s)
    union all
    select n.nspname || '.' || relname, relowner, coalesce(relacl, acldefault('r', relowner))
    from pg_class c join pg_namespace n on n.oid = relnamespace
    where n.nspname = any(%(schemas)s) and relkind in ('r', 'p', 'v', 'm', 'f', 'S')
        and (n.nspname <> 'views' or relname = any(%(tables)s))
    union all
    select n.nspname || '.' || relname || '.' || attname, relowner, attacl
    from pg_class c join pg_namespace n on n.oid = relnamespace
    join pg_attribute on attrelid = c.oid
    where n.nspname = any(%(schemas)s) and relkind = 'r' and not attisdropped
        and (n.nspname <> 'views' or relname = any(%(tables)s))
    union all
    select n.nspname || '.' || proname, proowner, coalesce(proacl, acldefault('f', proowner))
    from pg_proc p join pg_namespace n on n.oid = pronamespace where n.nspname = any(%(schemas)s)
) as o (what, owner, acl),
lateral (
    select grantee, privilege_type || case when is_grantable then ' with grant option' else '' end
    from aclexplode(o.acl) where grantee <> o.owner
        and (%(reading)s or is_grantable or privilege_type not in ('SELECT', 'USAGE'))
) as a (grantee, type)
where not exists (select from pg_roles where oid = a.grantee and rolsuper)
union
select format('owner %%s %%s', what, owner::regrole)
from (
    select 'schema ' || nspname, nspowner from pg_namespace where nspname = any(%(schemas)s)
    union all
    select n.nspname || '.' || relname, relowner
    from pg_class c join pg_namespace n on n.oid = relnamespace
    where n.nspname = any(%(schemas)s) and relkind in ('r', 'p', 'v', 'm', 'f', 'S')
        and (n.nspname <> 'views' or relname = any(%(tables)s))
    union all
    select n.nspname || '.' || proname, proowner
    from pg_proc p join pg_namespace n on n.oid = pronamespace where n.nspname = any(%(schemas)s)
) as o (what, owner)
where owner not in (select nspowner from pg_namespace where nspname = 'tidemark')
    and not exists (select from pg_roles where oid = owner
        and (rolsuper or rolname = 'tidemark_projector' and what like 'views.%%'))
"""


def faults(url: str, part: Part) -> list[str]:
    """Differences from the definitions and rights of this build; the first `SHOWN_MAX` of them.

    Raises:
        Unavailable: the server cannot be reached.
    """
    try:
        with connect(url) as connection:
            found, rights = definitions(connection, part)
            foreign = around(connection, SCHEMAS[part], _VIEWS_TABLES)
            applied = connection.execute(_APPLIED, (part,)).fetchall()
    except psycopg.Error as e:
        raise unavailable(e) from e
    expected, allowed = _released(part)
    if part == "views":
        tables = [t for t in _TABLES if f"table {t.name}" in found]  # others are made on first use
        absent = {f"policy {t.name}.readers" for t in _TABLES if t not in tables}
        expected = {k: v for k, v in expected.items() if k not in absent}
        expected |= {k: v for table in tables for k, v in _of_view(table).items()}
    out = []
    if applied != [(m.number, m.name, m.hash) for m in migrations(part)]:
        out.append(f"tidemark.migrations is not the list of this build's migrations ({part})")
    for thing in sorted({*found, *expected}):
        if thing not in found:
            out.append(f"{thing} is gone")
        elif thing not in expected:
            out.append(f"{thing}: no migration makes it")
        elif found[thing] != expected[thing]:
            out.append(f"{thing} was changed")
    out += [f"{right}: no migration grants it" for right in sorted(rights - allowed)]
    return [*foreign, *out][:SHOWN_MAX]


def definitions(connection: Connection[Any], part: Part) -> tuple[dict[str, str], set[str]]:
    """The server's definitions by thing, and the rights of roles other than the owner.

    This sets the connection's search_path to the server's catalogue, so that a search_path of the
    database or the role has no effect.
    """
    connection.execute("set search_path = pg_catalog, pg_temp")
    named = {"schemas": list(SCHEMAS[part]), "tables": _VIEWS_TABLES, "reading": part == "log"}
    found = dict(connection.execute(_RELATIONS.encode(), named).fetchall())
    for thing, text, source in connection.execute(_FUNCTIONS.encode(), named).fetchall():
        found[thing] = f"{text} sha256:{sha256(source.encode()).hexdigest()}"
    return found, {right for (right,) in connection.execute(_RIGHTS.encode(), named).fetchall()}


def listed(part: Part, found: Mapping[str, str], rights: Iterable[str]) -> list[str]:
    """The lines of `definitions.txt`, without the tables of views, which follow from their rows.

    It lists their policies as the server prints them: brackets change a policy's meaning.
    """
    views = {thing for table in _TABLES for thing in _of_view(table)}
    things = sorted(set(found) - views)
    return [f"{part}\t{k}\t{found[k]}" for k in things] + [f"{part}\t{r}" for r in sorted(rights)]


@cache
def _released(part: Part) -> tuple[dict[str, str], frozenset[str]]:
    lines = [line.split("\t") for line in DEFINITIONS.read_text().splitlines()]
    things = {line[1]: line[2] for line in lines if line[0] == part and len(line) == 3}
    return things, frozenset(line[1] for line in lines if line[0] == part and len(line) == 2)


def _of_view(table: Table) -> dict[str, str]:
    """The definitions of a view's table (`view_tables`), without its policy."""
    name, key = table.name, ", ".join(table.row.KEY)
    out = {
        f"table {name}": "r p row security",
        f"constraint {name}.{table.view}_pkey": f"PRIMARY KEY ({key})",
    }
    for column in table.columns:
        kind = column.type.replace('"', "").replace("timestamptz", "timestamp with time zone")
        out[f"column {name}.{column.name}"] = kind + ("" if column.nullable else " not null")
    for over in table.row.INDEXES:
        index = "_".join((table.view, *over, "idx"))
        made = f"CREATE INDEX {index} ON {name} USING btree ({', '.join(over)})"
        out[f"index {name}.{index}"] = made
    return out
