"""Checkpoints outside the domain: the signing key, and the check of every statement made.

    DIR/keys/checkpoint.key    32 secret bytes, readable by the owner alone
    DIR/keys/checkpoint.pub    PEM, for whoever checks: `openssl pkeyutl -verify -pubin ...`

The key lies beside the master key and outside the database (an HSM or KMS in production): who
can rewrite every row of the log, and every hash, still cannot sign.
"""

import os
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)
from msgspec.structs import replace

from adapters.entropy import Entropy
from adapters.keystore import secret_file
from adapters.merkle import Tree
from adapters.settings import SettingsError
from domain.checkpoint import INITIAL, CheckpointSigned, SignCheckpoint, evolve, statement


class Verifier:
    """Knows the public key; says whose signature is good."""

    def __init__(self, public: Ed25519PublicKey) -> None:
        self._public = public
        raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key_id = sha256(raw).hexdigest()

    @classmethod
    def read(cls, file: Path) -> "Verifier":
        """The verifier of a published key.

        Raises:
            ValueError: the file holds no Ed25519 public key.
        """
        public = load_pem_public_key(file.read_bytes())
        if not isinstance(public, Ed25519PublicKey):
            raise ValueError(f"{file} holds no Ed25519 public key")
        return cls(public)

    def pem(self) -> bytes:
        return self._public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def fault(self, signed: CheckpointSigned) -> str | None:
        """What is wrong with the signature; None when it is good."""
        if signed.key_id != self.key_id:
            return f"it is signed by another key ({signed.key_id[:16]}...)"
        try:
            self._public.verify(bytes.fromhex(signed.signature), statement(signed))
        except (InvalidSignature, ValueError):
            return "its signature is not that of its statement"
        return None


class Signer:
    """Holds the secret key; signs statements."""

    def __init__(self, secret: bytes) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(secret)
        self.verifier = Verifier(self._private.public_key())

    @classmethod
    def open(cls, folder: Path, entropy: Entropy) -> "Signer":
        """The signer of a data directory's `keys/`, made on first use.

        Raises:
            SettingsError: the published key is not that of the secret one.
        """
        secret = secret_file(folder / "checkpoint.key", entropy, label="checkpoint-key")
        signer, published = cls(secret), folder / "checkpoint.pub"
        if not published.exists():
            fresh = published.with_suffix(f".{os.getpid()}")
            fresh.write_bytes(signer.verifier.pem())
            fresh.replace(published)  # whole or not at all
        elif published.read_bytes() != signer.verifier.pem():
            raise SettingsError(f"TIDEMARK_DATA_DIR: {published} is not of checkpoint.key")
        return signer

    def sign(self, unsigned: SignCheckpoint) -> SignCheckpoint:
        return replace(unsigned, signature=self._private.sign(statement(unsigned)).hex())


class Fault(NamedTuple):
    version: int  # of the checkpoint in its stream
    position: int
    fault: str


class Placed(NamedTuple):
    """A checkpoint as it lies in the log."""

    version: int
    position: int
    signed: CheckpointSigned


class Audit:
    """Checks checkpoints beside one pass over the log: `add` every event, then `finish`.

    Signature and continuity need the checkpoints alone; each root is folded from the hashes of
    the events that pass by. Memory: one checkpoint's tree, whatever the size of the log.
    """

    def __init__(self, placed: Sequence[Placed], verifier: Verifier | None) -> None:
        self.faults: list[Fault] = list(_alone(placed, verifier))
        self._open: Iterator[Placed] = iter(placed)
        self._current = next(self._open, None)
        self._tree = Tree()

    def add(self, position: int, leaf: bytes) -> None:
        while self._current and position > self._current.signed.last_position:
            self._end(self._current)
        if self._current and position >= self._current.signed.first_position:
            self._tree.add(leaf)

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
            fault = f"{where} do not give its Merkle root: some event there was replaced"
            self.faults.append(Fault(placed.version, placed.position, fault))
        self._current, self._tree = next(self._open, None), Tree()


def _alone(placed: Sequence[Placed], verifier: Verifier | None) -> Iterator[Fault]:
    """What is wrong with the checkpoints themselves, before any event is looked at."""
    state = INITIAL
    for version, position, signed in placed:
        if verifier is None:
            yield Fault(version, position, "there is no public key to check its signature with")
        elif wrong := verifier.fault(signed):
            yield Fault(version, position, wrong)
        if signed.first_position != state.last_position + 1:
            yield Fault(version, position, f"it does not begin at {state.last_position + 1}")
        elif signed.previous != state.signature:
            yield Fault(version, position, "it does not name the checkpoint before it")
        if not signed.first_position <= signed.last_position < position:
            yield Fault(version, position, "it covers what is not before it")
        state = evolve(state, signed)
