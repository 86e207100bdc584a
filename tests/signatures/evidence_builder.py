"""Evidence records for tests: objects, trees over them, stamps of virtual authorities."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from signatures.evidence import DataObject, Generation, Lineage, Tree, group_hash, renewal_of, renewal_tree, renewal_values
from signatures.evidence.lineage import Group
from signatures.timestamps import Authority, Request, token_of

__all__ = ["group_of", "grow", "made", "objects_of", "rebuild", "renew", "stamped"]


def stamped(authority: Authority, hash_name: str, imprint: bytes) -> bytes:
    """A token, as it was received."""
    return token_of(authority.client.answer(Request.of(hash_name, imprint).encoded))


def group_of(objects: Sequence[bytes]) -> Group:
    return lambda name: [hashlib.new(name, each).digest() for each in objects]


def grow(groups: Sequence[Sequence[bytes]], authority: Authority, hash_name: str = "sha256") -> Lineage:
    """A tree over groups of objects, stamped."""
    tree = Tree(hash_name, [group_hash(hash_name, group_of(group)(hash_name)) for group in groups])
    return Lineage([Generation(tree, stamped(authority, hash_name, tree.root))])


def renew(lineages: Sequence[Lineage], authority: Authority) -> None:
    """Renew the newest tokens of several trees by one."""
    name = lineages[0].newest.hash
    values = [renewal_values(name, each.newest.last) for each in lineages]
    tree = renewal_tree(name, values)
    token = stamped(authority, name, tree.root)
    for index, each in enumerate(lineages):
        each.newest.renewals.append(renewal_of(tree, index, values[index], token))


def rebuild(lineage: Lineage, groups: Sequence[Sequence[bytes]], authority: Authority, hash_name: str) -> None:
    """Hash-tree renewal."""
    tree = Tree(hash_name, [lineage.carried_leaf(i, hash_name, group_of(group)) for i, group in enumerate(groups)])
    lineage.generations.append(Generation(tree, stamped(authority, hash_name, tree.root)))


def objects_of(objects: Mapping[str, bytes]) -> list[DataObject]:
    names = ("sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "sha3_512")
    return [DataObject(name, {each: hashlib.new(each, data).digest() for each in names}) for name, data in objects.items()]


def made(count: int, size: int = 3) -> list[list[bytes]]:
    """Groups of objects, each with other bytes."""
    return [[f"leaf {leaf} object {number}".encode() for number in range(size)] for leaf in range(count)]
