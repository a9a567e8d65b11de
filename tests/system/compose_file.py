"""deploy/compose.yaml as text: its services, and the secrets that each of them gets.

It is read by its layout (two columns a level, lists and flow lists), as the project has no YAML
parser. `make lint-deploy` has Compose itself read it.
"""

import re

from tests.paths import DEPLOY

COMPOSE = (DEPLOY / "compose.yaml").read_text()
PROCESSES = frozenset({"api", "relay", "worker"})
ONCE = frozenset({"migrate", "logins"})
ENGINES = frozenset({"eventstore", "kafka", "postgres", "clickhouse", "redis"})
SECRETS = "/run/secrets/"


def services() -> dict[str, str]:
    """Service name -> its lines; each begins at column two."""
    body = COMPOSE.split("\nservices:\n", 1)[1].split("\nnetworks:\n", 1)[0]
    parts = re.split(r"^  ([a-z]+):.*\n", body, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def mounted(service: str) -> dict[str, str]:
    """Path in the service's container -> the file of the secrets' directory mounted there."""
    lines = re.search(r"^    secrets:(.*\n(?:      .*\n)*)", services()[service], re.MULTILINE)
    if lines is None:
        return {}
    named = re.findall(r"\{source: (\w+), target: ([^}]+)\}|(\w+)", lines[1])
    files = dict(
        re.findall(r'^  (\w+): \{file: "\$\{SECRETS:-\./secrets\}/([^"]+)"\}', COMPOSE, re.M)
    )
    return {
        (target if source else SECRETS + name): files[source or name]
        for source, target, name in named
    }


def environment(service: str) -> dict[str, str]:
    """The variables of the service's own lines and of the shared ones; `${NAME:-x}` is x."""
    shared = COMPOSE.split("environment: &settings\n", 1)[1].split("\n  networks:", 1)[0]
    own = re.search(r"^    environment:(.*\n(?:      .*\n)*)", services()[service], re.MULTILINE)
    text = own[1] if own else ""
    if service in PROCESSES and (not own or "<<: *settings" in text):
        text = f"{shared}\n{text}"
    flow = re.match(r" \{(.*)\}", text)
    lines = flow[1].split(", ") if flow else text.splitlines()
    found = [re.match(r" *([A-Z_]+): +([^#]+)", line) for line in lines]
    plain = {m[1]: m[2].strip().strip('"') for m in found if m}
    return {name: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value) for name, value in plain.items()}


def command(service: str) -> list[str]:
    """The words after the image's own entry point."""
    found = re.search(r"^    command: \[(.*)\]$", services()[service], re.MULTILINE)
    return [word.strip(' "') for word in found[1].split(",")] if found else []


def waits_for(service: str) -> dict[str, str]:
    """Service -> the condition that it must meet before this one starts."""
    shared = COMPOSE.split("depends_on: &grounds\n", 1)[1].split("\n\n", 1)[0]
    own = re.search(r"^    depends_on:\n((?:      .*\n)*)", services()[service], re.MULTILINE)
    text = own[1] if own else ""
    if service in PROCESSES and (not own or "<<: *grounds" in text):
        text = f"{shared}\n{text}"
    return dict(re.findall(r"(\w+): \{condition: service_(\w+)\}", text))
