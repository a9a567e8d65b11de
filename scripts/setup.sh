#!/usr/bin/env bash
# Creates the environment; does nothing if it is current. Safe to run again.
#   scripts/setup.sh        needs Python 3.11+; installs uv into .uv and the locked packages into .venv
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '%s\n' "setup: $*" >&2; }

python_of() {
  for name in python3 python3.13 python3.12 python3.11; do
    if command -v "$name" >/dev/null && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$name"; return
    fi
  done
  say "Python 3.11 or newer is needed, and none was found"; exit 1
}

apt_install() {
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    say "please install: $*"; exit 1
  fi
  say "installing $* with apt"
  apt-get update -qq >/dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >/dev/null
}

want=$(cat requirements.lock pyproject.toml | sha256sum | cut -d' ' -f1)
if [ -f .venv/.locked ] && [ "$(cat .venv/.locked)" = "$want" ]; then exit 0; fi

py=$(python_of)
uv=$(command -v uv || true)
if [ -z "$uv" ]; then
  if [ ! -x .uv/bin/uv ]; then
    say "installing uv"
    rm -rf .uv
    if ! "$py" -m venv .uv 2>/dev/null || [ ! -x .uv/bin/pip ]; then
      rm -rf .uv
      apt_install python3-venv
      "$py" -m venv .uv
    fi
    .uv/bin/pip install -q --disable-pip-version-check uv
  fi
  uv=$PWD/.uv/bin/uv
  # The documents start the product by `uv run tidemark ...`: put uv on root's PATH.
  if [ "$(id -u)" = 0 ] && [ -d /usr/local/bin ]; then ln -sf "$uv" /usr/local/bin/uv; fi
fi

[ -x .venv/bin/python ] || { say "creating .venv"; "$uv" venv -q --python "$py" .venv; }
say "installing the locked packages (about a minute the first time)"
"$uv" pip sync -q --python .venv/bin/python --require-hashes requirements.lock
"$uv" pip install -q --python .venv/bin/python --no-deps -e .
echo "$want" > .venv/.locked
say "ready"
