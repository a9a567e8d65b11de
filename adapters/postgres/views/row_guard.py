"""Which readers see which rows of a view's table: row security by the `AUDIENCE` of the view.

    audience       every row                        rows of its own
    OWN            operations, analysts             by account_id, client_id or owner
    REFERENCE      operations, analysts, readers
    OPERATIONS     operations, analysts
    CONFIDENTIAL   operations                       by account_id, client_id or owner

A session sets what it may read: `tidemark.role` ('operations' sees every row),
`tidemark.account_ids` and `tidemark.client_ids` (ids separated by commas). A session that sets
none of these sees no row. The table's owner, which folds, and superusers are not bound by row
security: a process that serves readers connects as `tidemark_reader`.

Whichever login makes a table, `tidemark_projector` owns it: all logins that fold are members of
that role, so that each may rebuild a table that another has made.

Settings are read once a statement (a scalar subquery), not once a row.
"""

from hashlib import sha256

from adapters.postgres.views.tables import Table
from projections.ports import Audience

OWNED_BY = {
    "account_id": "tidemark.account_ids",
    "owner": "tidemark.account_ids",
    "client_id": "tidemark.client_ids",
}
"""Column -> the setting that lists whose rows a session may see."""

_OWN = (
    "do $$ begin if exists (select from pg_roles where rolname = 'tidemark_projector' "
    "and pg_has_role(current_user, oid, 'usage') "
    "and has_schema_privilege(oid, '{schema}', 'create')) then "
    "alter table {table} owner to tidemark_projector; end if; end $$"
)
_GRANT = (
    "do $$ begin if exists (select from pg_roles where rolname = '{role}') then "
    "grant select on {table} to {role}; end if; end $$"
)


def condition(table: Table) -> str:
    """Which rows a session may read, as SQL."""
    everything = ["tidemark.operates()"]
    if table.audience is not Audience.CONFIDENTIAL:
        everything.append("tidemark.analyses()")
    if table.audience is Audience.REFERENCE:
        everything.append("tidemark.known()")
    terms = [f"(select {' or '.join(everything)})"]
    terms += [
        f"{name} = any ((select tidemark.ids('{OWNED_BY[name]}'))::text[])"
        for name in owned_by(table)
    ]
    return " or ".join(terms)


def owned_by(table: Table) -> list[str]:
    """The columns that name the account or client of a row, for views that show it its own."""
    if table.audience not in (Audience.OWN, Audience.CONFIDENTIAL):
        return []
    return [column.name for column in table.columns if column.name in OWNED_BY]


def guard(table: Table) -> list[str]:
    """The statements that protect a table as this build wants it; safe to repeat."""
    return [*_statements(table), f"comment on table {table.name} is '{mark(table)}'"]


def mark(table: Table) -> str:
    """A hash of the statements, kept as the table's comment: differs if another build made it."""
    return "guarded " + sha256("\n".join(_statements(table)).encode()).hexdigest()[:16]


def _statements(table: Table) -> list[str]:
    readers = ["tidemark_reader"]
    if table.audience is not Audience.CONFIDENTIAL:
        readers.append("tidemark_analyst")
    return [
        _OWN.format(schema=table.schema, table=table.name),
        f"alter table {table.name} enable row level security",
        f"drop policy if exists readers on {table.name}",
        f"create policy readers on {table.name} for select using ({condition(table)})",
        *(_GRANT.format(role=role, table=table.name) for role in readers),
    ]
