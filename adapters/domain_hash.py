"""One hash of all of `domain/`: what snapshots are keyed by, so that no rule outlives its code."""

import hashlib
from pathlib import Path

import domain


def _hash_of(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(str(path.relative_to(folder)).encode() + b"\n" + path.read_bytes())
    return digest.hexdigest()


DOMAIN_HASH = _hash_of(Path(str(domain.__file__)).parent)
