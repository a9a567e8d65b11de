"""Rewrite `definitions.txt` of the migrations from a database that they have created.

.venv/bin/python -m scripts.schema_definitions
"""

import tempfile
from pathlib import Path

import psycopg

from adapters.operations.migrate import grant
from adapters.operations.schema_audit import DEFINITIONS, definitions, listed
from adapters.postgres.embedded import EmbeddedPostgres
from adapters.postgres.versions import PARTS, migrate
from adapters.postgres.views.row_guard import guard
from adapters.postgres.views.tables import Table
from projections.catalogue import VIEWS


def definitions_text(url: str) -> str:
    """Set up an empty database, with the roles on its server, and return the file's text."""
    lines: list[str] = []
    with psycopg.connect(url, autocommit=True) as connection:
        for part in PARTS:
            migrate(connection, part)
        for table in (Table("views", view) for view in VIEWS):
            for statement in (*table.ddl(), *guard(table)):
                connection.execute(statement.encode())
        for part in PARTS:
            grant(connection, part)
            lines += listed(part, *definitions(connection, part))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    with (
        tempfile.TemporaryDirectory(prefix="tidemark-") as folder,
        EmbeddedPostgres(Path(folder), settings={"fsync": "off"}) as server,
    ):
        DEFINITIONS.write_text(definitions_text(server.uri))
