"""Merkle trees: equal to RFC 6962's own definition; a proof holds for its own leaf only."""

from collections.abc import Sequence
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.proof.merkle import EMPTY, Tree, inclusion_proof, proves_inclusion

# The test vectors of the certificate-transparency project: leaves, and the root of the first n.
LEAVES = [
    bytes.fromhex(h)
    for h in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)

trees = st.lists(st.binary(max_size=8), min_size=1, max_size=40)


def mth(d: Sequence[bytes]) -> bytes:
    """RFC 6962, 2.1, word by word."""
    if not d:
        return sha256(b"").digest()
    if len(d) == 1:
        return sha256(b"\x00" + d[0]).digest()
    k = max(2**i for i in range(len(d).bit_length()) if 2**i < len(d))
    return sha256(b"\x01" + mth(d[:k]) + mth(d[k:])).digest()


def path(m: int, d: Sequence[bytes]) -> list[bytes]:
    """RFC 6962, 2.1.1, word by word."""
    if len(d) == 1:
        return []
    k = max(2**i for i in range(len(d).bit_length()) if 2**i < len(d))
    if m < k:
        return [*path(m, d[:k]), mth(d[k:])]
    return [*path(m - k, d[k:]), mth(d[:k])]


def test_the_published_vectors_hold() -> None:
    assert [Tree(LEAVES[: n + 1]).root().hex() for n in range(8)] == list(ROOTS)
    assert Tree().root() == EMPTY == mth([])


@given(st.lists(st.binary(max_size=8), max_size=70))
def test_a_grown_tree_has_the_root_of_the_definition_at_every_size(leaves: list[bytes]) -> None:
    tree = Tree()
    for n, leaf in enumerate(leaves, start=1):
        tree.add(leaf)
        assert (tree.size, tree.root()) == (n, mth(leaves[:n]))


@given(trees, st.data())
def test_a_proof_is_the_path_of_the_definition_and_leads_to_the_root(
    leaves: list[bytes], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(leaves) - 1))
    proof = inclusion_proof(leaves, at)
    assert list(proof) == path(at, leaves)
    assert proves_inclusion(proof, leaves[at], at, size=len(leaves), root=mth(leaves))


@given(trees, st.data())
def test_a_proof_proves_no_other_leaf_place_or_root(
    leaves: list[bytes], data: st.DataObject
) -> None:
    """Except for another place that has a leaf of the same bytes."""
    at = data.draw(st.integers(0, len(leaves) - 1))
    other = data.draw(st.binary(max_size=8).filter(lambda b: b != leaves[at]))
    place = data.draw(st.integers(-1, len(leaves)).filter(lambda i: i != at))
    size, root, proof = len(leaves), mth(leaves), inclusion_proof(leaves, at)
    assert not proves_inclusion(proof, other, at, size=size, root=root)
    assert not proves_inclusion(proof, leaves[at], at, size=size, root=sha256(root).digest())
    if not 0 <= place < size or leaves[place] != leaves[at]:
        assert not proves_inclusion(proof, leaves[at], place, size=size, root=root)


@given(trees, st.data())
def test_a_proof_cut_short_or_drawn_out_proves_nothing(
    leaves: list[bytes], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(leaves) - 1))
    size, root, proof = len(leaves), mth(leaves), inclusion_proof(leaves, at)
    assert not proves_inclusion((*proof, root), leaves[at], at, size=size, root=root)
    if proof:
        assert not proves_inclusion(proof[:-1], leaves[at], at, size=size, root=root)


def test_a_node_cannot_be_shown_as_a_leaf() -> None:
    """With one prefix for both, the two halves of a node would pass for one leaf's bytes."""
    left, right = (sha256(b"\x00" + leaf).digest() for leaf in (b"a", b"b"))
    root = Tree([b"a", b"b"]).root()
    assert not proves_inclusion((), left + right, 0, size=1, root=root)


@pytest.mark.parametrize("at", [-1, 3])
def test_there_is_no_proof_of_what_is_not_there(at: int) -> None:
    with pytest.raises(IndexError, match="of 3"):
        inclusion_proof([b"a", b"b", b"c"], at)
