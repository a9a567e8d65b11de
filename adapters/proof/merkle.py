"""Merkle trees of RFC 6962 (2.1) over an ordered list of byte strings.

    leaf = SHA-256(0x00 | data)      node = SHA-256(0x01 | left | right)

The left part of n leaves is the largest power of two below n. The first hashed byte distinguishes
leaves from nodes, so a node cannot be passed off as a leaf. A growing tree stores only its peaks,
one per bit of its size: a million events cost twenty hashes of memory.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256

EMPTY = sha256(b"").digest()


class Tree:
    """A tree that grows to the right; its root at any size."""

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self.size = 0
        self._peaks: list[bytes] = []  # of perfect trees, the largest first
        for leaf in leaves:
            self.add(leaf)

    def add(self, leaf: bytes) -> None:
        node, size = _leaf(leaf), self.size
        while size & 1:  # there is a perfect tree of this height already: merge the two
            node = _node(self._peaks.pop(), node)
            size >>= 1
        self._peaks.append(node)
        self.size += 1

    def root(self) -> bytes:
        """The hash of the whole tree; without leaves, the hash of the empty string."""
        if not self._peaks:
            return EMPTY
        node = self._peaks[-1]
        for peak in self._peaks[-2::-1]:
            node = _node(peak, node)
        return node


def inclusion_proof(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The hashes that lead from leaf `index` (0-based) to the root, lowest first.

    Raises:
        IndexError: there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(f"leaf {index} of {len(leaves)}")
    siblings: list[bytes] = []
    low, high = 0, len(leaves)
    while high - low > 1:
        middle = low + (1 << (high - low - 1).bit_length() - 1)
        if index < middle:
            siblings.append(Tree(leaves[middle:high]).root())
            high = middle
        else:
            siblings.append(Tree(leaves[low:middle]).root())
            low = middle
    return tuple(reversed(siblings))


def proves_inclusion(
    proof: Sequence[bytes], leaf: bytes, index: int, *, size: int, root: bytes
) -> bool:
    """Whether `proof` leads from `leaf`, as number `index` of `size`, to `root`.

    Source: RFC 9162, 2.1.3.2 (the algorithm that RFC 6962 leaves to the reader).
    """
    if not 0 <= index < size:
        return False
    at, last, node = index, size - 1, _leaf(leaf)
    for sibling in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            node = _node(sibling, node)
            while at and not at & 1:  # an only child moves up unchanged
                at, last = at >> 1, last >> 1
        else:
            node = _node(node, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and node == root


def _leaf(data: bytes) -> bytes:
    return sha256(b"\x00" + data).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()
