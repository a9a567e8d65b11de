# The targets for users and developers; each sets up what it needs. `make help` lists them.
PY := .venv/bin/python
BIN := .venv/bin
.DEFAULT_GOAL := help
# Without bytecode on disk each process compiles its imports, which costs seconds at every start.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help setup run test test-engines test-faults test-chaos coverage bench check lint lint-deploy types imports docs clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup:  ## make .venv from requirements.lock
	@scripts/setup.sh

run: setup  ## trade a year of real prices for 100 accounts, then open a market that moves
	@$(BIN)/tidemark serve --demo

test: setup  ## every test, with a sample of the simulated faults
	@$(BIN)/pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m "not bench and not faults"

test-engines: setup  ## the suites again on engines fetched from elsewhere; lists those it could not get
	@scripts/engines/test.sh

test-faults: setup  ## two thousand runs of a small platform under faults, and the long fault tests (half an hour)
	@$(BIN)/tidemark simulate --worlds 2000 --json
	@TIDEMARK_TEST_WHOLE=1 $(BIN)/pytest -q -n 2 -m "faults or sampled"

test-chaos: setup  ## real processes killed, paused and starved under load (about 10 minutes)
	@$(PY) -m tests.chaos

coverage: setup  ## every test, with a report of the lines that it covers
	@$(BIN)/pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m "not bench and not faults" --cov --cov-report=term:skip-covered

bench: setup  ## every benchmark against its peer; writes docs/benchmarks.md
	@$(BIN)/tidemark bench all --write docs/benchmarks.md

check: lint lint-deploy types imports test  ## what CI runs

lint: setup  ## ruff
	@$(BIN)/ruff format --check . && $(BIN)/ruff check .

lint-deploy: setup  ## compose file and image file, without Docker
	@scripts/lint_deploy.sh

types: setup  ## mypy, strict
	@$(BIN)/mypy

imports: setup  ## import contracts
	@$(BIN)/lint-imports

docs: setup  ## regenerate what is made from the code: docs, golden samples of new events, the schema's definitions
	@$(PY) scripts/generate_docs.py
	@$(PY) -m tests.golden.samples
	@$(PY) -m scripts.schema_definitions

lock: setup  ## resolve the dependencies again into requirements.lock
	@$$(command -v uv || echo .uv/bin/uv) pip compile pyproject.toml --extra dev --extra fix --universal --generate-hashes --no-header --no-annotate --upgrade -q -o requirements.lock
	@$$(command -v uv || echo .uv/bin/uv) pip compile pyproject.toml --universal --generate-hashes --no-header --no-annotate -q -c requirements.lock -o deploy/requirements.lock

clean:  ## remove the demo's data (not the environment)
	@rm -rf .tidemark
