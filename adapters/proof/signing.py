"""Signs checkpoints, and checks every checkpoint that was signed.

    DIR/keys/checkpoint.key    32 secret bytes, readable by the owner alone
    DIR/keys/checkpoint.pub    PEM, for independent checks: `openssl pkeyutl -verify -pubin ...`
    DIR/keys/checkpoint.last   the last statement that the key has signed (TIDEMARK_STATEMENT)
    DIR/keys/retired-*.pub     former keys: valid up to the first signature of a newer key

The keys lie beside the master key and outside the database (an HSM or KMS in production). An
attacker who can rewrite every row and every hash of the log still cannot sign.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)
from msgspec.structs import replace

from adapters.host.entropy import Entropy
from adapters.host.key_files import read_secret, secret_file
from adapters.proof.merkle import Tree
from adapters.proof.witness import Memory, Placed
from adapters.settings_error import SettingsError
from domain.checkpoint import INITIAL, CheckpointSigned, SignCheckpoint, evolve, leaf, statement


class Verifier:
    """Checks signatures with the public key and the keys that it has replaced."""

    def __init__(
        self, public: Ed25519PublicKey, *, retired: Iterable[Ed25519PublicKey] = ()
    ) -> None:
        self._public = public
        self.key_id = _key_id(public)
        self._known = {_key_id(one): one for one in (*retired, public)}

    @classmethod
    def read(cls, file: Path) -> "Verifier":
        """The verifier of a published key, and of the retired ones beside it.

        Raises:
            SettingsError: a file holds no Ed25519 public key.
        """
        return cls(_public(file), retired=retired_keys(file.parent))

    @classmethod
    def find(cls, folder: Path) -> "Verifier | None":
        """The verifier of a data directory's `keys/`; None if it has no key. Creates no file.

        Raises:
            SettingsError: a file there holds no key, or the two do not belong together.
        """
        secret, published = folder / "checkpoint.key", folder / "checkpoint.pub"
        if secret.exists():
            return Signer.read(folder).verifier
        return cls.read(published) if published.exists() else None

    def pem(self) -> bytes:
        return self._public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def accepts_key(self, key_id: str) -> bool:
        """Whether this is our key, or one that ours has replaced."""
        return key_id in self._known

    def fault(self, signed: CheckpointSigned) -> str | None:
        """The fault of a checkpoint's signature; None if it is good."""
        public = self._known.get(signed.key_id)
        if public is None:
            return f"it is signed by another key ({signed.key_id[:16]}...)"
        try:
            public.verify(bytes.fromhex(signed.signature), statement(signed))
        except (InvalidSignature, ValueError):
            return "its signature is not that of its statement"
        return None


class Signer:
    """Signs statements with the secret key.

    Args:
        memory: keeps the last statement for the next process; None: nothing keeps it.
    """

    def __init__(
        self,
        secret: bytes,
        *,
        memory: Memory | None = None,
        retired: Iterable[Ed25519PublicKey] = (),
    ) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(secret)
        self.verifier = Verifier(self._private.public_key(), retired=retired)
        self.memory = memory

    @classmethod
    def open(
        cls,
        folder: Path,
        entropy: Entropy,
        *,
        signed_by: str = "",
        memory: Memory | None = None,
    ) -> "Signer":
        """The signer of a data directory's `keys/`; creates the key on first use.

        Args:
            signed_by: id of the key that signed the log's last checkpoint; "": it has none.
            memory: see `Signer`.

        Raises:
            SettingsError: the published key does not belong to the secret one; or the key that
                signed the log is neither `checkpoint.key` nor a retired one.
        """
        secret = folder / "checkpoint.key"
        retired = {_key_id(one) for one in retired_keys(folder)}
        if not secret.exists() and signed_by and signed_by not in retired:
            raise SettingsError(
                f"TIDEMARK_DATA_DIR: {secret} is missing, and this log's checkpoints are signed "
                f"by key {signed_by[:16]}...: put it back from the backup"
            )
        secret_file(secret, entropy, label="checkpoint-key")
        signer, published = cls.read(folder, memory=memory), folder / "checkpoint.pub"
        if signed_by and not signer.verifier.accepts_key(signed_by):
            raise SettingsError(
                f"TIDEMARK_DATA_DIR: {secret} is key {signer.verifier.key_id[:16]}..., and this "
                f"log's checkpoints are signed by {signed_by[:16]}...: put that one back"
            )
        if not published.exists():
            fresh = published.with_suffix(f".{os.getpid()}")
            fresh.write_bytes(signer.verifier.pem())
            fresh.replace(published)  # atomic
        return signer

    @classmethod
    def read(cls, folder: Path, *, memory: Memory | None = None) -> "Signer":
        """The signer from existing key files; creates none.

        Raises:
            SettingsError: a file holds no key, or the published key does not belong to it.
        """
        secret, published = read_secret(folder / "checkpoint.key"), folder / "checkpoint.pub"
        signer = cls(secret, memory=memory, retired=retired_keys(folder))
        if published.exists() and Verifier.read(published).key_id != signer.verifier.key_id:
            raise SettingsError(f"TIDEMARK_DATA_DIR: {published} does not belong to checkpoint.key")
        return signer

    def sign(self, unsigned: SignCheckpoint) -> SignCheckpoint:
        return replace(unsigned, signature=self._private.sign(statement(unsigned)).hex())


def retired_keys(folder: Path) -> list[Ed25519PublicKey]:
    """The public keys that signed before the current one, in files that the operator named.

    Raises:
        SettingsError: such a file holds no Ed25519 public key.
    """
    return [_public(file) for file in sorted(folder.glob("retired-*.pub"))]


def _public(file: Path) -> Ed25519PublicKey:
    try:
        public = load_pem_public_key(file.read_bytes())
    except OSError as e:
        raise SettingsError(f"TIDEMARK_DATA_DIR: {file}: {e.strerror}") from e
    except (ValueError, UnsupportedAlgorithm):
        public = None
    if not isinstance(public, Ed25519PublicKey):
        raise SettingsError(f"TIDEMARK_DATA_DIR: {file} holds no Ed25519 public key")
    return public


def _key_id(public: Ed25519PublicKey) -> str:
    return sha256(public.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()


class Fault(NamedTuple):
    version: int  # of the checkpoint in its stream
    position: int
    fault: str


class Audit:
    """Checks checkpoints beside one pass over the log: `add` every event, then `finish`.

    Signature and continuity need only the checkpoints; each root is computed from the events added.
    Memory: one checkpoint's tree, whatever the size of the log.
    """

    def __init__(self, placed: Sequence[Placed], verifier: Verifier | None) -> None:
        self.faults: list[Fault] = list(_alone(placed, verifier))
        self._open: Iterator[Placed] = iter(placed)
        self._current = next(self._open, None)
        self._tree = Tree()

    def add(self, position: int, chained: bytes, committed_at: datetime) -> None:
        while self._current and position > self._current.signed.last_position:
            self._end(self._current)
        if self._current and position >= self._current.signed.first_position:
            self._tree.add(leaf(self._current.signed.form, chained, position, committed_at))

    def finish(self) -> list[Fault]:
        """All faults, in log order."""
        while self._current:
            self._end(self._current)
        return sorted(self.faults)

    def _end(self, placed: Placed) -> None:
        signed, found = placed.signed, self._tree
        where = f"positions {signed.first_position} to {signed.last_position}"
        if found.size != signed.events:
            fault = f"{where} held {signed.events} events, now {found.size}"
            self.faults.append(Fault(placed.version, placed.position, fault))
        elif found.root().hex() != signed.merkle_root:
            fault = f"{where} do not give its Merkle root: {_what(signed.form)} there was changed"
            self.faults.append(Fault(placed.version, placed.position, fault))
        self._current, self._tree = next(self._open, None), Tree()


def _alone(placed: Sequence[Placed], verifier: Verifier | None) -> Iterator[Fault]:
    """The faults of the checkpoints themselves, without their events."""
    state, keys = INITIAL, [""]
    for version, position, signed in placed:
        if verifier is None:
            yield Fault(version, position, "there is no public key to check its signature with")
        elif wrong := verifier.fault(signed):
            yield Fault(version, position, wrong)
        elif signed.key_id in keys[:-1]:
            yield Fault(version, position, "it is signed by a key that was retired before it")
        if signed.first_position != state.last_position + 1:
            yield Fault(version, position, f"it does not begin at {state.last_position + 1}")
        elif signed.previous != state.signature:
            yield Fault(version, position, "it does not name the checkpoint before it")
        if not signed.first_position <= signed.last_position < position:
            yield Fault(version, position, "it covers events that are not before it")
        state = evolve(state, signed)
        keys += [signed.key_id] if signed.key_id != keys[-1] else []


def _what(form: int) -> str:
    return "some event" if form == 1 else "some event, or its position or committed_at,"
