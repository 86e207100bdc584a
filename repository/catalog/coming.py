"""What is coming: the contents of deposits that are accepted and in no AIP of the catalog yet, so that duplicates among deposits that
are at work at the same time are found. What is registered is not coming any more."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import islice

from sqlalchemy import bindparam, delete, insert, select

from repository.catalog.bulk import load
from repository.catalog.columns import escaped
from repository.catalog.database import Database, Transaction
from repository.catalog.digests import Earliest
from repository.catalog.registration import digest_key
from repository.catalog.tables import coming, coming_file

__all__ = ["Coming"]

ASKED_AT_ONCE = 500
"""Ids in one query: SQLite takes 32,766 variables, but a plan should stay small."""

_EARLIEST = Earliest(coming_file, coming_file.c.coming_pk, coming, coming.c.aip_id)

_OF = select(coming.c.pk).where(coming.c.deposit_id == bindparam("id_"))
_BY_IDENTIFIER = (
    select(coming.c.aip_id)
    .where(coming.c.producer == bindparam("producer_"), coming.c.identifier == bindparam("identifier_"))
    .order_by(coming.c.pk)
    .limit(1)
)
"""Made once: putting a statement together costs more than carrying it out."""


class Coming:
    """The tables of what is coming. Methods open a transaction of their own unless ``within`` gives one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        deposit_id: str,
        aip_id: str,
        *,
        producer: str,
        identifier: str,
        contents: Iterable[tuple[bytes, str]],
        within: Transaction | None = None,
    ) -> None:
        """An accepted deposit is to become a version of an AIP: the producer's own id for it ("": none), and (SHA-512, path) of its
        contents, streamed. What is known of it already stays."""
        row = {"deposit_id": deposit_id, "aip_id": aip_id, "producer": producer, "identifier": identifier}
        with self._database.write(within) as transaction:
            if transaction.execute(_OF, {"id_": deposit_id}).one_or_none() is not None:
                return
            key = transaction.execute(insert(coming), row).inserted_primary_key
            assert key is not None
            rows = ((key[0], escaped(path), sha512, digest_key(sha512)) for sha512, path in contents)
            load(transaction, coming_file, ["coming_pk", "path", "sha512", "digest_key"], rows)

    def end(self, deposit_ids: Collection[str], *, within: Transaction | None = None) -> None:
        """These deposits are registered."""
        ids = iter(deposit_ids)
        with self._database.write(within) as transaction:
            while some := list(islice(ids, ASKED_AT_ONCE)):
                mine = select(coming.c.pk).where(coming.c.deposit_id.in_(some))
                transaction.execute(delete(coming_file).where(coming_file.c.coming_pk.in_(mine)))
                transaction.execute(delete(coming).where(coming.c.deposit_id.in_(some)))

    def by_identifier(self, producer: str, identifier: str, *, within: Transaction | None = None) -> str | None:
        """The id of the (first) AIP that ``producer`` brings under its own id ``identifier``."""
        if not identifier:
            return None
        with self._database.read(within) as transaction:
            return transaction.execute(_BY_IDENTIFIER, {"producer_": producer, "identifier_": identifier}).scalar()

    def known_digests(
        self, digests: Iterable[bytes], *, apart_from: str = "", within: Transaction | None = None
    ) -> dict[bytes, tuple[str, str]]:
        """As `Holdings.known_digests`, of what is coming."""
        with self._database.read(within) as transaction:
            return _EARLIEST.of(transaction, digests, apart_from=apart_from)
