"""Time-stamp tokens inside signed files (RFC 3161), read for judgement: as any signature, plus the time and what was stamped.

`signatures.timestamps` accepts tokens from an authority, strictly; here tokens of others are read as they are, broken ones too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from asn1crypto import tsp  # type: ignore[import-untyped]

from policies.findings import Finding
from policies.phrases import foreign, phrase
from signatures.algorithms import hash_named
from signatures.attributes import revocation_values
from signatures.ber import Beyond, Malformed, element, guard
from signatures.certificates import Certificate
from signatures.cms import CmsFile, Content, certificates_in, open_cms, revocation_in
from signatures.poe import digest_of
from signatures.report import Coverage, Integrity, Kind, Role, SubIndication
from signatures.signed import WEAK, SignedObject, Stamp
from signatures.signer import read_signer
from signatures.structures import in_part

__all__ = ["TST_INFO", "ReadStamp", "read_stamp"]

TST_INFO = "1.2.840.113549.1.9.16.1.4"


@dataclass(frozen=True)
class ReadStamp:
    """A stamp, and the validation data that its token brings along: ("crl" | "ocsp", DER)."""

    stamp: Stamp
    data: tuple[tuple[str, bytes], ...]


def read_stamp(
    der: bytes,
    kind: str,
    stamped: Content,
    *,
    covers: Iterable[bytes] = (),
    of: bytes = b"",
    name: str = "",
    coverage: Coverage | None = None,
    known: Sequence[Certificate] = (),
) -> ReadStamp:
    """Read a token. ``stamped`` gives the digest of what must have been stamped; ``covers`` what a sound one proves.

    Raises:
        Malformed: it is no token at all (no time can be told).
    """
    try:
        cms = open_cms(der)
        if cms.content_type != TST_INFO:
            raise Malformed(phrase("tst-no-information"))
        content = cms.content()
        guard(content[: element(content).end])  # in an octet string: the guard around it has not seen it
        info = tsp.TSTInfo.load(content)
        time = info["gen_time"].native
        imprint: bytes = info["message_imprint"]["hashed_message"].native
        algorithm = info["message_imprint"]["hash_algorithm"]["algorithm"].dotted
        signers = list(cms.signers)
        if not isinstance(time, datetime) or len(signers) != 1:
            raise Malformed(phrase("tst-one"))
        time = time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except Beyond:
        raise
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise Malformed(foreign(error)) from error
    return _checked(cms, der, kind, stamped, time, imprint, algorithm, (frozenset(covers), of, name, coverage), known)


def _checked(
    cms: CmsFile,
    der: bytes,
    kind: str,
    stamped: Content,
    time: datetime,
    imprint: bytes,
    algorithm: str,
    said: tuple[frozenset[bytes], bytes, str, Coverage | None],
    known: Sequence[Certificate],
) -> ReadStamp:
    covers, of, name, coverage = said
    certificates = tuple(dict.fromkeys((*certificates_in(cms.signed_data), *known)))
    token, signer = read_signer(
        next(cms.signers),
        kind=Kind.TIMESTAMP,
        role=Role.TIMESTAMP,
        name=name,
        content=cms.enclosed,
        content_type=TST_INFO,
        certificates=certificates,
        coverage=coverage or Coverage("part"),
    )
    token = replace(_imprinted(token, stamped, algorithm, imprint), claimed=time)
    token = in_part(token) if cms.behind else token
    data = list(revocation_in(cms.signed_data))
    if signer is not None:
        data += [*revocation_values(signer.unsigned), *revocation_values(signer.signed)]
    return ReadStamp(Stamp(kind, token, time, digest_of(der), covers, of), tuple(data))


def _imprinted(token: SignedObject, stamped: Content, algorithm: str, imprint: bytes) -> SignedObject:
    """The token with its imprint compared: a sound token over something else proves nothing here."""
    try:
        name = hash_named(algorithm, b"")
        actual = stamped(name)
    except ValueError as error:
        reason = foreign(error)
        return replace(
            token,
            integrity=Integrity.UNKNOWN,
            failure=SubIndication.CRYPTO_CONSTRAINTS_FAILURE,
            why=Finding("SIG-ALGORITHM-UNKNOWN", "", {"reason": reason}),
        )
    weak = (WEAK,) if name == "sha1" else ()
    token = replace(token, digest_algorithm=name, notes=tuple(dict.fromkeys((*token.notes, *weak))))
    if actual is None:
        missing = Finding("SIG-CONTENT-MISSING")
        return replace(token, integrity=Integrity.UNKNOWN, failure=SubIndication.SIGNED_DATA_NOT_FOUND, why=missing)
    if actual != imprint and token.integrity is not Integrity.BROKEN:
        altered = Finding("SIG-CONTENT-ALTERED", "", {"algorithm": name})
        return replace(token, integrity=Integrity.BROKEN, failure=SubIndication.HASH_FAILURE, why=altered)
    return token
