"""Postgres servers by URL, with passwords and a role for each kind of process.

The log and the read models lie on two databases of a real server; `tidemark migrate` runs as the
owner, the processes as roles that may not create.
"""

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import psycopg
import pytest

from adapters.postgres.versions import migrations
from tests.contract.postgres.postgres_server import Server, server, tls
from tests.contract.postgres.privileges import refused
from tests.system.certificates import issue
from tests.system.processes import ROOT, Ran, client, folder, serving, tidemark, until
from tests.system.processes import verb as run_here

pytestmark = pytest.mark.slow

PASSWORDS = {role: f"{role}/'s p@ss" for role in ("writer", "projector", "reader", "analyst")}
ROLES = tuple(PASSWORDS)


class Installed(NamedTuple):
    """Two databases with schemas and roles, and a data directory."""

    server: Server
    data_dir: Path

    def url(self, role: str, database: str) -> str:
        return self.server.url(f"tidemark_{role}", PASSWORDS[role], database)

    @property
    def owner(self) -> dict[str, str]:
        log, views = (self.server.url(database=name) for name in ("log", "views"))
        return {"TIDEMARK_LOG": log, "TIDEMARK_DATABASE": views}

    @property
    def platform(self) -> dict[str, str]:
        """The settings of `serve`: its URLs and roles."""
        return {
            "TIDEMARK_LOG": self.url("writer", "log"),
            "TIDEMARK_DATABASE": self.url("projector", "views"),
            "TIDEMARK_READ_DATABASE": self.url("reader", "views"),
        }

    def refused(self, role: str, database: str, sql: str) -> bool:
        return refused(self.url(role, database), sql)

    def seen(self, who: str, sql: str, **settings: str) -> list[Any]:
        """The first column of the rows that the role sees with these settings."""
        with psycopg.connect(self.url(who, "views")) as connection:
            for name, value in settings.items():
                connection.execute("select set_config(%s, %s, true)", (f"tidemark.{name}", value))
            return [row[0] for row in connection.execute(sql.encode()).fetchall()]


@pytest.fixture(scope="module")
def installed() -> Iterator[Installed]:
    """Migrated and granted by the owner, then traded on by `serve` with separate roles."""
    with server() as one, folder() as made:
        for database in ("log", "views"):
            one.run(f"create database {database}")
        here = Installed(one, made / "d")
        dry = tidemark("migrate", "--dry-run", "--json", data_dir=here.data_dir, env=here.owner)
        assert dry.json["log"]["to_apply"] == [m.name for m in migrations("log")]
        done = tidemark("migrate", "--roles", "--json", data_dir=here.data_dir, env=here.owner)
        assert done.json["views"] == {
            "version": len(migrations("views")),
            "applied": [m.name for m in migrations("views")],
            "roles": True,
        }
        one.logins(**{role: word.replace("'", "''") for role, word in PASSWORDS.items()})
        with serving(here.data_dir, env=here.platform) as served:
            for name in ("ann", "bob"):
                client(served, name, cash="100.00")
            until(lambda: len(cash_of(served)) == 2)
            assert served.ready().status_code == 200
            assert "Traceback" not in served.errors
        yield here


def cash_of(served: Any) -> list[Any]:
    query = "{ accounts(first: 9) { edges { node { id cash { currency traded } } } } }"
    answer = served.http.post("/graphql", json={"query": query}).json()
    assert "errors" not in answer, answer
    return [e["node"] for e in answer["data"]["accounts"]["edges"] if e["node"]["cash"]]


def verb(here: Installed, *words: str, env: Mapping[str, str] | None = None) -> Ran:
    """Run a verb in this process, under these TIDEMARK_ settings alone."""
    ours = {k: v for k, v in os.environ.items() if not k.startswith("TIDEMARK_")}
    with patch.dict(os.environ, ours | dict(env or here.platform), clear=True):
        return run_here(*words, "--json", data_dir=here.data_dir)


def test_what_was_traded_is_verified_and_replayed_by_the_roles(installed: Installed) -> None:
    checked = verb(installed, "log", "verify")
    assert checked.code == 0, checked.err
    assert checked.json["events"] == 12  # 4 of each client, 2 of cash, 2 of the seal
    assert checked.json["unsealed"] <= 1  # the last checkpoint itself
    again = verb(installed, "replay")
    assert (again.code, again.json["equal"]) == (0, True), again.err
    assert sum(view["rows"] for view in again.json["views"]) > 10


def test_a_folding_process_needs_no_keys(installed: Installed) -> None:
    """Rows hold no personal data, so a projector that sees only ciphertext folds the same rows."""
    env = installed.platform | {"TIDEMARK_LOG": installed.url("projector", "log")}
    again = verb(installed, "replay", env=env)
    assert (again.code, again.json["equal"]) == (0, True), again.err


def test_a_rebuild_needs_no_more_than_the_projector_may(installed: Installed) -> None:
    again = verb(installed, "rebuild", "accounts")
    assert (again.code, again.json["equal"], again.json["swapped"]) == (0, True, True), again.err
    role = {"role": "operations"}
    found = installed.seen("reader", "select account_id from views.accounts", **role)
    assert sorted(found) == ["ann", "bob"]  # the new table has the old one's grants and policies


def test_a_platform_before_its_migration_says_who_has_to_do_what(installed: Installed) -> None:
    installed.server.run("create database bare")
    env = {"TIDEMARK_LOG": installed.url("writer", "bare")}
    refused = verb(installed, "log", "stats", env=env)
    assert refused.code == 1
    assert refused.complaint == (
        "tidemark: TIDEMARK_LOG: its schema (log) lacks "
        + ", ".join(m.name for m in migrations("log"))
        + ", and this role may not create: run `tidemark migrate` as the owner"
    )


def test_a_database_from_the_future_is_refused_by_every_verb(installed: Installed) -> None:
    installed.server.run("create database future template log")
    future = "insert into tidemark.migrations values ('log', 99, '0099_x', 'h')"
    installed.server.run(future, "future")
    env = {"TIDEMARK_LOG": installed.server.url(database="future")}
    for words in (("log", "stats"), ("migrate",), ("migrate", "--dry-run")):
        refused = verb(installed, *words, env=env)
        assert refused.code == 1
        assert refused.complaint.startswith(
            "tidemark: TIDEMARK_LOG: its schema (log) is from the future: it has migration 0099"
        )


EVENTS_STAY = (
    "update log.events set state = '{}'",
    "delete from log.events",
    "truncate log.events",
    "insert into log.events values (999, 'a-b', 1, 'n', '{}', '', now())",
    "update log.head set position = 0",
    "delete from log.messages",
    "update log.messages set request_hash = ''",
    "drop table log.events",
    "alter table log.events add column mine text",
    "create or replace function log.append_batch() returns int language sql as 'select 1'",
    "update tidemark.migrations set number = 1",
)


@pytest.mark.parametrize("sql", EVENTS_STAY)
def test_only_the_owner_can_change_the_log(installed: Installed, sql: str) -> None:
    for role in ROLES:
        assert installed.refused(role, "log", sql), role


def test_the_writer_appends_by_the_function_alone_and_forgets_no_kept_message(
    installed: Installed,
) -> None:
    assert not installed.refused("writer", "log", "select log.forget_messages(now(), 1)")
    for role in ("projector", "reader", "analyst"):
        assert installed.refused(role, "log", "select log.forget_messages(now(), 1)"), role
        called = "select log.append_batch" + f"({', '.join(['null'] * 19)})"
        assert installed.refused(role, "log", called), role
    with psycopg.connect(installed.url("writer", "log")) as connection:
        kept = "select count(*) from log.messages where keep"
        before = connection.execute(kept).fetchone()
        connection.execute("select log.forget_messages('infinity', 1000000)")
        assert connection.execute(kept).fetchone() == before
        connection.rollback()


def test_keys_are_for_the_writer_alone(installed: Installed) -> None:
    read = "select wrapped from keys.data_keys"
    assert not installed.refused("writer", "log", read)
    assert installed.refused("writer", "log", "delete from keys.data_keys")
    for role in ("projector", "reader", "analyst"):
        assert installed.refused(role, "log", read), role


def test_readers_and_analysts_see_no_log_and_no_saga(installed: Installed) -> None:
    for role in ("reader", "analyst"):
        assert installed.refused(role, "log", "select 1 from log.events"), role
        assert installed.refused(role, "log", "select 1 from log.messages"), role
        assert installed.refused(role, "views", "select 1 from sagas.state"), role
        assert installed.refused(role, "views", "select 1 from sagas.outbox"), role
        assert installed.refused(role, "views", "update views.cash set traded = 0"), role
        assert installed.refused(role, "views", "create table views.mine (n int)"), role
    assert installed.refused("writer", "views", "select 1 from views.cash")
    assert not installed.refused("projector", "log", "select 1 from log.events")


def test_two_identities_see_their_own_rows_and_no_identity_sees_no_row(
    installed: Installed,
) -> None:
    accounts = "select account_id from views.accounts order by 1"
    assert installed.seen("reader", accounts) == []
    assert installed.seen("reader", accounts, role="client") == []
    assert installed.seen("reader", accounts, role="operations") == ["ann", "bob"]
    for who in ("ann", "bob"):
        own = {"role": "client", "client_ids": f"{who}-c", "account_ids": who}
        assert installed.seen("reader", accounts, **own) == [who]
        assert installed.seen("reader", "select account_id from views.cash", **own) == [who]
        assert installed.seen("reader", "select client_id from views.clients", **own) == [
            f"{who}-c"
        ]
        owners = installed.seen("reader", "select distinct owner from views.balances", **own)
        assert owners == [who]
        assert installed.seen("reader", "select book from views.trial_balance", **own) == []
    by_client = {"role": "client", "client_ids": "ann-c"}
    assert installed.seen("reader", accounts, **by_client) == ["ann"]
    both = {"role": "advisor", "account_ids": "ann,bob"}
    assert installed.seen("reader", accounts, **both) == ["ann", "bob"]


def test_every_table_of_a_view_is_guarded(installed: Installed) -> None:
    open_ones = installed.server.run(
        "select relname from pg_class c join pg_namespace n on n.oid = c.relnamespace "
        "where nspname = 'views' and relkind = 'r' and not relrowsecurity",
        "views",
    )
    assert open_ones == [("checkpoints",), ("stuck",)]
    tables = installed.server.run(
        "select tablename from pg_tables where schemaname = 'views' "
        "and tablename not in ('checkpoints', 'stuck')",
        "views",
    )
    for (table,) in tables:
        assert installed.seen("reader", f"select 1 from views.{table}") == [], table


def test_analysts_see_every_account_but_not_what_was_found_out_about_a_person(
    installed: Installed,
) -> None:
    accounts = "select account_id from views.accounts order by 1"
    assert installed.seen("analyst", accounts) == ["ann", "bob"]
    assert installed.refused("analyst", "views", "select * from views.clients")


def test_the_readers_pool_is_operations_and_can_be_somebody(installed: Installed) -> None:
    import asyncio  # noqa: PLC0415

    from adapters.postgres.views.read_models import ReadModels  # noqa: PLC0415
    from adapters.reads import Identity  # noqa: PLC0415
    from projections.parties import accounts  # noqa: PLC0415

    async def found() -> list[list[Any]]:
        models = await ReadModels.connect(installed.url("reader", "views"), connections=1)
        try:
            out = []
            ann = Identity("client", client_ids=("ann-c",), account_ids=("ann",))
            async with models.snapshot(ann) as reader:
                out.append(await reader.page(accounts, {}, first=9, after=None))
            async with models.snapshot() as reader:  # over the same connection
                out.append(await reader.page(accounts, {}, first=9, after=None))
            out.append(await models.page(accounts, {}, first=9, after=None))
        finally:
            await models.close()
        return out

    mine, *all_of_them = asyncio.run(found())
    assert [row.account_id for row in mine] == ["ann"]
    for rows in all_of_them:
        assert [row.account_id for row in rows] == ["ann", "bob"]


def test_a_wrong_password_is_one_line_with_its_variable(installed: Installed) -> None:
    wrong = installed.server.url("tidemark_writer", "guess", "log")
    for variable in ("TIDEMARK_LOG", "TIDEMARK_DATABASE", "TIDEMARK_READ_DATABASE"):
        refused = verb(installed, "log", "stats", env=installed.platform | {variable: wrong})
        assert refused.code == 1
        assert refused.complaint.startswith(f"tidemark: {variable}: ")
        assert 'password authentication failed for user "tidemark_writer"' in refused.complaint
        assert "guess" not in refused.complaint


def test_connection_limits_are_settings(installed: Installed) -> None:
    refused = verb(installed, "log", "stats", env={"TIDEMARK_READ_CONNECTIONS": "0"})
    assert refused.complaint.startswith("tidemark: TIDEMARK_READ_CONNECTIONS: ")
    few = {"TIDEMARK_READ_CONNECTIONS": "1", "TIDEMARK_LOG_CONNECTIONS": "1"}
    with serving(installed.data_dir, env=installed.platform | few) as served:
        for _ in range(3):
            assert len(cash_of(served)) == 2
        counted = "select count(*) from pg_stat_activity where application_name = "
        assert installed.server.run(counted + "'reads'", "views") == [(1,)]
        log = installed.server.run(counted + "'tidemark log'", "log")[0][0]
        assert log <= 1 + 3  # a reader; two lanes and a listener


def test_tls_parameters_of_the_url_are_the_clients(installed: Installed, tmp_path: Path) -> None:
    certificate, key = issue(tmp_path)
    plain = installed.platform["TIDEMARK_LOG"]
    refused = verb(installed, "log", "stats", env={"TIDEMARK_LOG": f"{plain}?sslmode=require"})
    assert "server does not support SSL" in refused.complaint
    with tls(installed.server, certificate, key) as port:
        through = plain.replace(f":{installed.server.port}/", f":{port}/")
        strict = f"{through}?sslmode=verify-full&sslrootcert={certificate}"
        stats = verb(installed, "log", "stats", env=installed.platform | {"TIDEMARK_LOG": strict})
        assert stats.code == 0, stats.err
        stranger = tmp_path / "other"
        stranger.mkdir()
        unknown = f"{through}?sslmode=verify-full&sslrootcert={issue(stranger)[0]}"
        refused = verb(installed, "log", "stats", env={"TIDEMARK_LOG": unknown})
        assert refused.complaint.startswith("tidemark: TIDEMARK_LOG: ")
        assert "certificate verify failed" in refused.complaint


def test_the_logins_script_gives_each_role_its_password(installed: Installed) -> None:
    from adapters.postgres.server_account import binaries  # noqa: PLC0415

    words = [w for role in ROLES for w in ("-v", f"{role}={PASSWORDS[role]}")]
    script = ROOT / "deploy" / "postgres" / "logins.sql"
    done = subprocess.run(
        [binaries() / "psql", installed.server.url(database="log"), "-v", "ON_ERROR_STOP=1",
         *words, "-f", script],
        check=False, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for role in ROLES:
        with psycopg.connect(installed.url(role, "log")) as connection:
            assert connection.execute("select current_user").fetchone() == (f"tidemark_{role}",)
