"""Runs `tidemark` as real processes over temporary data directories."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psycopg

from adapters.postgres.embedded import EmbeddedPostgres
from api.cli import main
from tests.paths import ROOT

TIDEMARK = [sys.executable, "-c", "import sys; from api.cli import main; sys.exit(main())"]
PATIENCE_S = 180.0  # long enough for a busy machine; a hang fails
SIMULATE = ("--from", "2022-01-03", "--to", "2022-01-14", "--accounts", "4", "--seed", "1")


class Ran:
    """A verb that has ended: exit code, stdout, stderr."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        """The one JSON object on stdout, and nothing else there."""
        assert self.out.count("\n") == 1, self.out
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def complaint(self) -> str:
        """The only line on stderr."""
        (line,) = self.err.splitlines()
        return line


def tidemark(
    *words: str,
    data_dir: Path | None = None,
    env: Mapping[str, str] | None = None,
    seconds: float = PATIENCE_S,
) -> Ran:
    """Run a verb to its end; `data_dir` is given after the verb's words."""
    where = ["--data-dir", str(data_dir)] if data_dir is not None else []
    done = subprocess.run(
        [*TIDEMARK, *words, *where], cwd=ROOT, env=_environment(env), capture_output=True,
        text=True, timeout=seconds, check=False,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr)


def verb(*words: str, data_dir: Path) -> Ran:
    """Run a verb in this process, which saves the second that an interpreter takes to start."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = main([*words, "--data-dir", str(data_dir)])
        except SystemExit as e:  # argparse exits
            code = int(e.code or 0)
    return Ran(code, out.getvalue(), err.getvalue())


class Simulated(NamedTuple):
    """A data directory that `tidemark simulate` has made, and its final answer."""

    data_dir: Path
    answer: dict[str, Any]


class Served:
    """A `tidemark serve` that is up."""

    def __init__(self, data_dir: Path, env: Mapping[str, str] | None = None) -> None:
        self.data_dir = data_dir
        self._errors = data_dir.with_name(f"{data_dir.name}.stderr")
        with self._errors.open("w") as errors:
            self.process = subprocess.Popen(
                [*TIDEMARK, "serve", "--port", "0", "--data-dir", str(data_dir)],
                cwd=ROOT, env=_environment(env), stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=errors,
            )  # fmt: skip
        until(lambda: "ready " in self.errors or self.process.poll() is not None)
        assert self.process.poll() is None, self.errors
        self.url = self.errors.split("ready ", 1)[1].split()[0]
        self.http = httpx.Client(base_url=self.url, timeout=PATIENCE_S)

    @property
    def errors(self) -> str:
        """Its output on stderr so far."""
        return self._errors.read_text()

    @property
    def children(self) -> list[int]:
        """Pids of its children: Postgres, and the warehouse once it is up."""
        return children_of(self.process.pid)

    def do(self, name: str, body: object, key: str) -> httpx.Response:
        return self.http.post(f"/commands/{name}", json=body, headers={"Idempotency-Key": key})

    def did(self, name: str, body: object, key: str) -> None:
        answer = self.do(name, body, key)
        assert answer.status_code in (200, 201), answer.text

    def ready(self) -> httpx.Response:
        return self.http.get("/readyz")

    def terminate(self) -> float:
        """Send SIGTERM; returns the seconds until it has ended."""
        started = time.monotonic()
        self.process.terminate()
        self.process.wait(PATIENCE_S)
        return time.monotonic() - started

    def close(self) -> None:
        self.http.close()
        end(self.process)


def end(process: "subprocess.Popen[Any]") -> None:
    """Send SIGTERM; if it does not end in time, SIGKILL."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        finally:
            process.kill()


@contextmanager
def serving(data_dir: Path, env: Mapping[str, str] | None = None) -> Iterator[Served]:
    served = Served(data_dir, env)
    try:
        yield served
    finally:
        served.close()


@contextmanager
def folder() -> Iterator[Path]:
    """A temporary folder with a short path, as sockets are created in it."""
    made = Path(tempfile.mkdtemp(prefix="tidemark-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def copied(source: Path, target: Path) -> Path:
    """Copy a data directory with its owners: under root, Postgres's files have another user."""
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)
    return target


def sql(data_dir: Path, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements on the embedded Postgres of a directory; rows of the last one.

    Attaches to the server that runs there, or runs it meanwhile.
    """
    with (
        EmbeddedPostgres(data_dir / "postgres") as server,
        psycopg.connect(server.uri, autocommit=True) as connection,
    ):
        for statement in statements:
            cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def until(holds: Any, *, seconds: float = PATIENCE_S, what: str = "") -> None:
    """Wait until `holds` is true; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what or holds}"
        time.sleep(0.05)


def children_of(pid: int) -> list[int]:
    found = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    return [int(word) for word in found.stdout.split()]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def cpu_s(pid: int) -> float:
    """CPU seconds that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def client(served: Served, name: str, *, cash: str = "") -> None:
    """A client with an approved KYC file and an account, ids after `name`."""
    who = {"client_id": f"{name}-c", "kind": "individual", "legal_name": "Ada", "country": "US"}
    served.did("OnboardClient", who, f"{name}-onboard")
    passport = {"kind": "passport", "reference": "P1"}
    kyc = {"client_id": f"{name}-c", "documents": [passport], "risk_answers": {}}
    served.did("SubmitKyc", kyc, f"{name}-kyc")
    approval = {"client_id": f"{name}-c", "officer": "olga", "risk_rating": "low"}
    year = time.gmtime().tm_year + 1
    served.did("ApproveKyc", approval | {"review_on": f"{year}-06-01"}, f"{name}-approve")
    account = {"account_id": name, "client_id": f"{name}-c", "base_currency": "USD"}
    served.did("OpenAccount", account | {"lot_method": "FIFO"}, f"{name}-open")
    if cash:
        served.did("DepositCash", deposit(name, cash), f"{name}-cash")


def deposit(account: str, amount: str = "1.00", reference: str = "r") -> dict[str, str]:
    return {"account_id": account, "amount": amount, "currency": "USD", "reference": reference}


def _environment(env: Mapping[str, str] | None) -> dict[str, str]:
    """Our environment without TIDEMARK_ variables, plus those of the test.

    Processes may write bytecode: otherwise each one spends seconds compiling its imports.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith("TIDEMARK_")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept | {"PYTHONPATH": str(ROOT)} | dict(env or {})
