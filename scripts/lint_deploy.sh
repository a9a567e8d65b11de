#!/usr/bin/env bash
# Lints deploy/: compose file, image file, and that deploy/ has no secrets in it. Needs no Docker.
# The linters are in .venv-deploy, from deploy/lint.lock, to keep them out of the product's lock.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=$(command -v uv || echo "$PWD/.uv/bin/uv")
bin=.venv-deploy/bin

want=$(sha256sum < deploy/lint.lock | cut -d' ' -f1)
if [ "$(cat .venv-deploy/.locked 2> /dev/null || true)" != "$want" ]; then
  echo "lint-deploy: installing the linters" >&2
  [ -x "$bin/python" ] || "$uv" venv -q --python .venv/bin/python .venv-deploy
  "$uv" pip sync -q --python "$bin/python" --require-hashes deploy/lint.lock
  echo "$want" > .venv-deploy/.locked
fi

secrets=$(mktemp -d)
trap 'rm -rf "$secrets"' EXIT
deploy/secrets.sh "$secrets"
bash -n deploy/secrets.sh
for script in deploy/*/*.sh; do sh -n "$script"; done
SECRETS=$secrets "$bin/docker-compose" -f deploy/compose.yaml config -q
"$bin/hadolint" deploy/Dockerfile
"$bin/checkov" --skip-download --quiet --compact -d deploy --framework dockerfile secrets
echo "lint-deploy: ok" >&2
