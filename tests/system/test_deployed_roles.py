"""The processes of deploy/compose.yaml on a real Postgres, each with its own secrets only.

`deploy/secrets.sh` makes them, `tidemark migrate --roles` and `logins.sh` run as their services do,
then relay, worker and API, each in a place of its own, over a bus and over EventStoreDB's protocol
double with TLS and its password. Only where the engines are differs from the compose file.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from adapters.postgres.server_account import binaries
from projections.catalogue import VIEWS
from tests.contract.bus.kafka_broker import Broker
from tests.contract.postgres.postgres_server import Server, server
from tests.contract.postgres.privileges import refused
from tests.esdb_double.server import Node
from tests.system import compose_file
from tests.system.compose_file import DEPLOY
from tests.system.processes import (
    ROOT,
    TIDEMARK,
    Ran,
    Served,
    _environment,
    client,
    end,
    folder,
    serving,
    tidemark,
    until,
)
from tests.system.test_servers import EVENTS_STAY, cash_of

pytestmark = pytest.mark.slow

WARM_S = 90.0
PROCESSES = ("api", "relay", "worker")


class Place:
    """A service's container: its secrets at their paths below a folder, and its environment."""

    def __init__(self, service: str, home: Path, secrets: Path, engines: Mapping[str, str]) -> None:
        self.root = home / service
        mounts = compose_file.mounted(service)
        for path, file in mounts.items():
            at = self.inside(path)
            at.parent.mkdir(parents=True, exist_ok=True)
            content = (secrets / file).read_bytes()
            for there, here in (*engines.items(), *((p, str(self.inside(p))) for p in mounts)):
                content = content.replace(there.encode(), here.encode())
            at.write_bytes(content)
        self.words = ["0" if word == "8080" else word for word in compose_file.command(service)]
        self.env = compose_file.environment(service)
        for name in ("TIDEMARK_DATA_DIR", "TIDEMARK_SECRETS_DIR"):
            if name in self.env:
                self.env[name] = str(self.inside(self.env[name]))

    def inside(self, path: str) -> Path:
        return self.root / path.removeprefix("/")

    @property
    def data_dir(self) -> Path:
        return self.inside("/var/lib/tidemark")

    def secret(self, name: str) -> str:
        return self.inside(f"/run/secrets/{name}").read_text()

    def run(self, *words: str) -> Ran:
        return tidemark(*words, env=self.env)


class Process:
    """A relay or worker that has printed the URL of its endpoint."""

    def __init__(self, place: Place) -> None:
        self._said = place.root / "stderr"
        with self._said.open("w") as said:
            self.process = subprocess.Popen(
                [*TIDEMARK, *place.words], cwd=ROOT, env=_environment(place.env),
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said,
            )  # fmt: skip
        until(lambda: " on http" in self.said or self.process.poll() is not None, seconds=WARM_S)
        assert self.process.poll() is None, self.said
        self.url = self.said.split(" on ", 1)[1].split()[0]

    @property
    def said(self) -> str:
        return self._said.read_text()

    def status(self) -> dict[str, Any]:
        return dict(httpx.get(f"{self.url}/status", timeout=10).json())

    def end(self) -> None:
        end(self.process)


@contextmanager
def running(place: Place) -> Iterator[Process]:
    process = Process(place)
    try:
        yield process
    finally:
        process.end()


class Deployed:
    """All services, installed."""

    def __init__(self, home: Path, postgres: Server, node: Node, bus: str) -> None:
        self.home, self.postgres = home, postgres
        self.secrets = home / "secrets"
        self._engines = {
            "@postgres:5432": f"@127.0.0.1:{postgres.port}",
            "@eventstore:2113": f"@127.0.0.1:{node.port}",
        }
        self.places = {name: self.place(name) for name in (*PROCESSES, "migrate", "logins")}
        for name in PROCESSES:
            self.places[name].env["TIDEMARK_BUS"] = bus
        here = {"TIDEMARK_HOST": "127.0.0.1", "TIDEMARK_PORT": "0", "TIDEMARK_CACHE": "memory:"}
        embedded = dict.fromkeys(("TIDEMARK_WAREHOUSE", "TIDEMARK_READ_WAREHOUSE"), "")
        self.places["api"].env |= here | embedded
        self.places["logins"].env |= {"PGHOST": "127.0.0.1", "PGPORT": str(postgres.port)}

    def place(self, service: str) -> Place:
        return Place(service, self.home, self.secrets, self._engines)

    def install(self) -> None:
        """The steps that `up` runs before the processes, each time."""
        migrated = self.places["migrate"].run(*self.places["migrate"].words, "--json")
        assert migrated.code == 0, migrated.err
        assert migrated.json["log"]["roles"] and migrated.json["views"]["roles"]
        self.give_passwords()

    def give_passwords(self) -> None:
        logins = self.places["logins"]
        path = f"{binaries()}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["sh", DEPLOY / "postgres" / "logins.sh", logins.inside("/run/secrets")],
            env={**logins.env, "PATH": path, "LC_ALL": "C"}, check=False, capture_output=True,
            text=True,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (0, ""), done.stderr

    def url(self, login: str) -> str:
        if login == "reader":
            return self.places["api"].secret("tidemark_read_database")
        return self.places[login].secret("tidemark_database")

    def refused(self, login: str, sql: str) -> bool:
        return refused(self.url(login), sql)

    def as_owner(self, sql: str) -> list[tuple[Any, ...]]:
        return self.postgres.run(sql, "tidemark")


@pytest.fixture(scope="module")
def secrets() -> Iterator[Path]:
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which deploy/secrets.sh needs, is not installed")
    with folder() as home:
        subprocess.run([DEPLOY / "secrets.sh", home / "secrets"], check=True)
        yield home / "secrets"


@pytest.fixture(scope="module")
def node(secrets: Path) -> Iterator[Node]:
    key, certificate = ((secrets / f"esdb-{name}.pem").read_bytes() for name in ("key", "cert"))
    password = (secrets / "eventstore_password").read_text().strip()
    with Node(tls=(key, certificate), password=password) as node:
        yield node


@pytest.fixture(scope="module")
def deployed(secrets: Path, node: Node, kafka: Broker) -> Iterator[Deployed]:
    """Installed twice, since every `up` repeats the installation."""
    with server() as postgres:
        owner = (secrets / "postgres_password").read_text().strip()
        postgres.run(f"create role tidemark superuser login password '{owner}'")
        postgres.run("create database tidemark owner tidemark")
        bus = f"kafka://{kafka.address}?prefix=deployed&partitions=2"
        made = Deployed(secrets.parent, postgres, node, bus)
        made.install()
        made.install()
        yield made


@pytest.fixture(scope="module")
def traded(deployed: Deployed) -> Iterator[tuple[Served, Process, Process]]:
    """API, relay and worker, running; two clients with money, after a transfer between them, which
    needs a saga."""
    places = deployed.places
    with (
        running(places["relay"]) as relay,
        running(places["worker"]) as worker,
        serving(places["api"].data_dir, places["api"].env) as served,
    ):
        until(
            lambda: worker.status()["partitions"] == [0, 1] and worker.status()["sagas"] == "leads",
            seconds=WARM_S, what="the worker has all partitions and leads the sagas",
        )  # fmt: skip
        for name in ("ann", "bob"):
            client(served, name, cash="100.00")
        transfer = {
            "account_id": "ann", "to_account_id": "bob", "transfer_id": "T1", "amount": "30.00",
            "currency": "USD",
        }  # fmt: skip
        served.did("TransferCash", transfer, "transfer")
        until(
            lambda: amounts(served) == {"ann": "70.00", "bob": "130.00"}, seconds=WARM_S,
            what="the worker's saga has moved the cash, and its views show it to the API's reader",
        )  # fmt: skip
        yield served, relay, worker


def amounts(served: Served) -> dict[str, str]:
    return {node["id"]: node["cash"][0]["traded"] for node in cash_of(served)}


def test_commands_are_done_and_views_follow_with_each_process_under_its_own_login(
    deployed: Deployed, traded: tuple[Served, Process, Process]
) -> None:
    served, relay, worker = traded
    until(lambda: served.ready().status_code == 200, what=served.ready().text)
    until(lambda: relay.status()["lag_events"] == 0, what="the relay has relayed all")
    assert relay.status()["fault"] is None
    assert worker.status()["faults"] == worker.status()["stuck"] == []
    for said in (served.errors, relay.said, worker.said):
        assert "Traceback" not in said and "permission denied" not in said
    connected = "select distinct usename::text from pg_stat_activity where datname = 'tidemark'"
    logins = {f"tidemark_{name}" for name in (*PROCESSES, "reader")}
    found = {name for (name,) in deployed.as_owner(connected)}
    assert found - {"owner"} == logins


def test_no_process_has_made_a_key_that_it_was_not_given(
    deployed: Deployed, traded: tuple[Served, Process, Process]
) -> None:
    keys = {
        name: sorted(p.name for p in deployed.places[name].data_dir.glob("keys/*"))
        for name in PROCESSES
    }
    assert keys == {
        "api": ["checkpoint.key", "checkpoint.pub", "master.key"],
        "relay": [],
        "worker": ["master.key"],
    }


def test_views_are_the_projectors_whichever_login_made_them(
    deployed: Deployed, traded: tuple[Served, Process, Process]
) -> None:
    owners = "select tableowner::text, count(*) from pg_tables where schemaname = 'views' "
    owners += "and tablename not in ('checkpoints', 'stuck') group by 1"
    assert deployed.as_owner(owners) == [("tidemark_projector", len(VIEWS))]
    again = deployed.places["worker"].run("rebuild", "accounts", "--json")
    assert (again.code, again.json["equal"], again.json["swapped"]) == (0, True, True), again.err
    assert deployed.as_owner(owners) == [("tidemark_projector", len(VIEWS))]
    assert not deployed.refused("api", "drop table views.accounts")  # rolled back


def test_the_log_is_verified_by_the_api_and_replayed_by_the_worker(
    deployed: Deployed, traded: tuple[Served, Process, Process]
) -> None:
    checked = deployed.places["api"].run("log", "verify", "--json")
    assert (checked.code, checked.json["ok"]) == (0, True), checked.err
    again = deployed.places["worker"].run("replay", "--json")
    assert (again.code, again.json["equal"]) == (0, True), again.err


def test_a_relay_that_may_not_write_down_which_log_it_is_leaves_it_to_the_api(
    deployed: Deployed, traded: tuple[Served, Process, Process]
) -> None:
    kept = "select count(*) from log.snapshots where stream = 'log identity'"
    assert deployed.as_owner(kept) == [(1,)]
    deployed.as_owner("delete from log.snapshots where stream = 'log identity'")
    for name, after in (("relay", 0), ("worker", 1)):
        said = deployed.places[name].run("log", "stats", "--json")
        assert said.code == 0, said.err
        assert deployed.as_owner(kept) == [(after,)]


def test_what_migrates_says_which_setting_it_could_not_follow(deployed: Deployed) -> None:
    """With the log elsewhere, the log's schema lies in the database of TIDEMARK_DATABASE too."""
    wrong = deployed.url("relay")
    env = deployed.places["migrate"].env | {"TIDEMARK_DATABASE": f"{wrong}x"}
    refused = tidemark("migrate", env=env)
    assert refused.code == 1
    assert refused.complaint.startswith("tidemark: TIDEMARK_DATABASE: ")
    settled = tidemark("migrate", env=env | {"TIDEMARK_DATABASE": wrong})
    assert settled.code == 0, settled.err  # nothing to migrate, and the login may read the version


def test_only_the_owner_and_the_processes_logins_may_log_in(deployed: Deployed) -> None:
    found = deployed.as_owner(
        "select rolname::text, rolsuper or rolcreaterole or rolcreatedb or rolbypassrls "
        "from pg_roles where rolcanlogin and rolname like 'tidemark%' order by 1"
    )
    powers = dict(found)
    assert powers.pop("tidemark")
    logins = {f"tidemark_{name}" for name in (*PROCESSES, "reader")}
    assert powers == dict.fromkeys(logins, False)


OWNERS_ALONE = (
    "create schema mine",
    "create table public.mine (n int)",
    "create role mine",
    "set role tidemark",
    "grant tidemark to tidemark_api",
    "insert into tidemark.migrations values ('log', 99, 'x', 'h')",
    "delete from keys.data_keys",
    "drop table sagas.outbox",
)
APPEND = f"select log.append_batch({', '.join(['null'] * 19)})"


@pytest.mark.parametrize("sql", [*EVENTS_STAY, *OWNERS_ALONE])
def test_what_is_the_owners_is_refused_to_every_login(deployed: Deployed, sql: str) -> None:
    for login in (*PROCESSES, "reader"):
        assert deployed.refused(login, sql), login


@pytest.mark.parametrize(
    "sql",
    [
        APPEND,
        "select log.forget_messages(now(), 1)",
        "select wrapped from keys.data_keys",
        "select 1 from log.messages",
        "insert into log.snapshots values ('a-b', '', 1, '', '')",
        "update log.snapshots set state = ''",
        "select 1 from sagas.outbox",
        "insert into sagas.outbox default values",
        "select sagas.save(0, '[]', '[]', '[]', '{}')",
        "update views.checkpoints set position = 0",
        "delete from views.stuck",
        "create table views.mine (n int)",
        "select 1 from street.entries",
    ],
)
def test_the_relay_and_the_reader_write_nothing_and_see_no_key(
    deployed: Deployed, sql: str
) -> None:
    for login in ("relay", "reader"):
        assert deployed.refused(login, sql), login


def test_the_relay_sees_no_view_and_the_reader_no_event(
    deployed: Deployed, traded: tuple[Served, Process, Process]
) -> None:
    assert deployed.refused("relay", "select 1 from views.cash")
    assert not deployed.refused("relay", "select 1 from log.events")
    assert deployed.refused("reader", "select 1 from log.events")
    assert deployed.refused("reader", "update views.cash set traded = 0")
    assert not deployed.refused("reader", "select 1 from views.cash")


def test_a_password_that_was_changed_is_the_logins_after_the_next_up(deployed: Deployed) -> None:
    logins = deployed.places["logins"]
    file = logins.inside("/run/secrets/relay_password")
    kept, url = file.read_text(), deployed.url("relay")
    file.write_text("an'other $word\n")
    try:
        deployed.give_passwords()
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(url)
        psycopg.connect(url, password="an'other $word").close()
    finally:
        file.write_text(kept)
        deployed.give_passwords()
    psycopg.connect(url).close()
