"""Who sees which rows of a view's table: row-level security that follows from its columns.

    account_id, client_id, owner   the session's own accounts and clients, and operations
    reference tables               anyone who is somebody (instruments, marks, rates)
    all others                     operations: figures of the house

The session says who reads: `tidemark.role` ('operations' sees every row), `tidemark.account_ids`
and `tidemark.client_ids` (ids separated by commas). Nothing said, nothing seen. Analysts see all
rows but those of the confidential tables. The table's owner, who folds, and superusers are not
bound by it: a process that serves readers connects as `tidemark_reader`.

Whichever login makes a table, `tidemark_projector` owns it: all who fold are members of that role,
so that each may rebuild what another has made.

Settings are read once a statement (a scalar subquery), not once a row.
"""

from hashlib import sha256

from adapters.postgres.views.tables import Table

REFERENCE = frozenset({"instruments", "marks", "rates"})
CONFIDENTIAL = frozenset({"clients"})  # what was found out about a person: risk, screening, PEP
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
    if table.view not in CONFIDENTIAL:
        everything.append("tidemark.analyses()")
    if table.view in REFERENCE:
        everything.append("tidemark.known()")
    terms = [f"(select {' or '.join(everything)})"]
    terms += [
        f"{column.name} = any ((select tidemark.ids('{OWNED_BY[column.name]}'))::text[])"
        for column in table.columns
        if column.name in OWNED_BY
    ]
    return " or ".join(terms)


def guard(table: Table) -> list[str]:
    """Statements that protect a table as this build would; they may be repeated."""
    return [*_statements(table), f"comment on table {table.name} is '{mark(table)}'"]


def mark(table: Table) -> str:
    """Kept as the table's comment: whether it is protected as this build would."""
    return "guarded " + sha256("\n".join(_statements(table)).encode()).hexdigest()[:16]


def _statements(table: Table) -> list[str]:
    readers = ["tidemark_reader"]
    if table.view not in CONFIDENTIAL:
        readers.append("tidemark_analyst")
    return [
        _OWN.format(schema=table.schema, table=table.name),
        f"alter table {table.name} enable row level security",
        f"drop policy if exists readers on {table.name}",
        f"create policy readers on {table.name} for select using ({condition(table)})",
        *(_GRANT.format(role=role, table=table.name) for role in readers),
    ]
