"""Hash the code that a stored result depends on, so that a code change invalidates the result.

Snapshots are keyed by the hash of `domain/`, cached folds by that of `domain/` and `projections/`.
"""

import hashlib
from pathlib import Path

import domain
import projections


def _hash_of(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(str(path.relative_to(folder)).encode() + b"\n" + path.read_bytes())
    return digest.hexdigest()


DOMAIN_HASH = _hash_of(Path(str(domain.__file__)).parent)
FOLD_HASH = DOMAIN_HASH + _hash_of(Path(str(projections.__file__)).parent)
