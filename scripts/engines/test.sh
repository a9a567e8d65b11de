#!/usr/bin/env bash
# `make test-engines`: runs a port's suites again, on the engine that production uses.
# An engine that cannot be fetched here is listed and is no failure; a failing suite is one.
set -uo pipefail
cd "$(dirname "$0")/../.."

missing=() failed=() passed=()

# engine NAME SCRIPT COMMAND...: fetch with SCRIPT, then run the suites.
engine() {
  local name=$1 script=$2; shift 2
  if ! "scripts/engines/$script" >/dev/null; then missing+=("$name"); return; fi
  if "$@"; then passed+=("$name"); else failed+=("$name"); fi
}

engine "Apache Kafka" kafka.sh env TIDEMARK_TEST_KAFKA=real \
  .venv/bin/pytest -q -m "not bench" tests/contract/bus/test_relay_kafka.py \
  tests/system/test_relay_processes.py tests/contract/bus/test_dead_letters.py \
  tests/system/test_worker_kafka.py

for name in "${passed[@]}"; do echo "engines: $name: passed"; done
for name in "${missing[@]}"; do echo "engines: $name: not to be had here, not tested"; done
for name in "${failed[@]}"; do echo "engines: $name: FAILED"; done
[ ${#failed[@]} = 0 ]
