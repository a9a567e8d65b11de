"""Key files: secret bytes in the data directory's `keys/`, outside the database.

The process that begins a log makes each key once. A process that only reads makes none, and no
process replaces a missing key: the log would then be read, or signed, with a wrong key.
"""

import hashlib
import os
from pathlib import Path

from adapters.host.entropy import Entropy
from adapters.settings_error import SettingsError

BYTES = 32
_OTHERS = 0o077  # the mode bits of group and others


def read_secret(file: Path) -> bytes:
    """The 32 secret bytes of a key file.

    Raises:
        SettingsError: the file cannot be read, or does not hold 32 bytes.
    """
    try:
        found = file.read_bytes()
    except OSError as e:
        raise SettingsError(f"TIDEMARK_DATA_DIR: {file}: {e.strerror}") from e
    if len(found) != BYTES:
        raise SettingsError(
            f"TIDEMARK_DATA_DIR: {file} holds {len(found)} bytes, not the {BYTES} of a key: "
            "put it back from the backup"
        )
    return found


def secret_file(file: Path, entropy: Entropy, *, label: str) -> bytes:
    """The 32 secret bytes of a key file (0600), made on first use; all processes get the same.

    Raises:
        SettingsError: as `read_secret`, or the file cannot be created.
    """
    if not file.exists():
        try:
            _make(file, entropy, label)
        except OSError as e:
            raise SettingsError(f"TIDEMARK_DATA_DIR: {file}: {e.strerror}") from e
    return read_secret(file)


def too_open(folder: Path) -> list[str]:
    """One sentence for each secret file that other users may read or write."""
    modes = {path: path.stat().st_mode & 0o777 for path in sorted(folder.glob("*.key"))}
    return [
        f"{path} is open to other users (mode {mode:04o}): chmod 600 {path}"
        for path, mode in modes.items()
        if mode & _OTHERS
    ]


def write_whole(file: Path, content: bytes) -> None:
    """Replace a file so that a reader finds the old content or the new, never a part of it."""
    digest = hashlib.sha256(content).hexdigest()[:8]
    fresh = file.with_name(f".{file.name}.{digest}")
    fresh.touch(mode=0o600)
    with fresh.open("wb") as f:
        f.write(content)
        f.flush()
        os.fsync(f.fileno())
    fresh.replace(file)


def _make(file: Path, entropy: Entropy, label: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = file.with_suffix(f".{hashlib.sha256(entropy.draw(8, 'tmp')).hexdigest()[:8]}")
    fresh.touch(mode=0o600)
    fresh.write_bytes(entropy.draw(BYTES, label))
    try:
        file.hardlink_to(fresh)  # the first process wins, all use its key
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
