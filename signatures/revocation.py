"""Revocation data: what CRLs and OCSP responses say of one certificate, each believed only when somebody signed it who may: the issuer, or
whose own path is valid and leads to the same anchor (RFC 5280, 6.3.3 (f)), or whom the issuer made a responder (RFC 6960, 4.2.2.2).
What cannot be believed says nothing, however new it is.

Two rules make old data usable for ever. What says *good* counts only when it was made before the certificate expired: afterwards a CA
need not list it any more (RFC 5280, 3.3), and a late list would move the proof beyond everything it is to prove. What says *revoked*
always counts.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from asn1crypto import ocsp as asn1_ocsp  # type: ignore[import-untyped]
from asn1crypto import pem
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp

from policies.phrases import phrase
from signatures import der
from signatures.algorithms import ODD, Scheme
from signatures.alike import alike
from signatures.ber import Beyond, Malformed, element, guard, octets, parts
from signatures.certificates import LATEST, Certificate, certificates_of
from signatures.lone_extension import is_critical, said
from signatures.mended import Signed, cut, inside, mended
from signatures.odd_account import OddAccount, at_hand
from signatures.poe import digest_of
from signatures.revocation_lists import Crl, Data, Entry, scheme_in

if TYPE_CHECKING:
    from signatures.chains import Chain, Chains

__all__ = [
    "FRESH",
    "PEM",
    "Crl",
    "Ocsp",
    "Status",
    "load_crl",
    "load_ocsp",
    "loaded",
    "ocsp_request",
    "statuses",
    "unarmoured",
    "undisputed",
]

FRESH = timedelta(days=1)
"""How long data without a nextUpdate, or with one sooner than that, may be relied on after it was made. Responders that answer without
nextUpdate (RFC 6960, 4.2.2.1) say what was true a moment ago."""

KNOWN_EXTENSIONS = frozenset(
    der.write_oid(each)[2:]
    for each in (*(f"1.3.6.1.5.5.7.48.1.{number}" for number in range(2, 10)), "2.5.29.21", "2.5.29.24", "1.3.36.8.3.13")
)
"""Of answers (RFC 6960, 4.4; RFC 5280, 5.3; certHash of Common PKI), as `said` has them: none of them makes *good* mean less."""

MOST_BROUGHT = 100
"""Certificates that an answer brings along; real ones bring one or two."""

MOST_BROUGHT_IN_ALL = 500
"""Certificates that all answers of one file bring along, each counted once: a responder's is the same in all of his answers."""

_Each = TypeVar("_Each")


@dataclass(frozen=True, slots=True)
class Status:
    """What one piece of data says: ``revoked`` since when, or None (good). ``until`` is how long it may be relied on."""

    made: datetime
    until: datetime
    revoked: datetime | None
    reason: str
    """In the words of RFC 5280, 5.3.1; "" when none is given."""
    invalid: datetime | None
    """Since when the CA says that the key was known to others, or the certificate wrong (invalidityDate, RFC 5280, 5.3.2)."""
    object: bytes
    """SHA-256 of the data: its name in `Proofs`."""
    scheme: Scheme | None
    signer: Chain
    """The path of who signed it. Whether *that* certificate was revoked is another question, of the time that is proven."""

    @property
    def begins(self) -> datetime | None:
        """From when on nothing of the key counts: the revocation, or ``invalid`` where that was before. None: good."""
        return min(self.revoked, self.invalid or self.revoked) if self.revoked is not None else None


class Ocsp(Data):
    """Raises ValueError when the bytes are no successful OCSP response with one answer."""

    def __init__(self, data: bytes, *, mend: bool = True) -> None:
        super().__init__(data)
        der, self._odd = self.der, False
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                self.response = _response(der)
            except (ValueError, *ODD):
                if not mend:
                    raise
                self.response, self._odd = _response(mended(der).data), True
            self.answers = list(self.response.responses)
        self.certificates = tuple(self._brought())
        self.made: datetime = self.response.produced_at_utc

    @cached_property
    def scheme(self) -> Scheme | None:
        return scheme_in(self.response)

    def answer(self, certificate: Certificate, issuer: Certificate) -> Any:
        """The answer about ``certificate``, whose issuer's name and key it must name; None when there is none. Of several the worst counts,
        wherever it stands: revoked, and since when first, before unknown, before good."""
        return min(self._about(certificate, issuer), key=_weight, default=None)

    def _about(self, certificate: Certificate, issuer: Certificate) -> Iterator[Any]:
        for each in self.answers:
            if each.serial_number != certificate.serial:
                continue
            try:
                name, key = _issuer_hashes(each.hash_algorithm, issuer)
            except (ValueError, UnsupportedAlgorithm):
                continue
            if each.issuer_name_hash == name and each.issuer_key_hash == key:
                yield each

    @cached_property
    def names_all(self) -> bool:
        """Whether each answer says in a way that is understood whom it is about."""
        try:
            return all(hashes.Hash(each.hash_algorithm) for each in self.answers)
        except (ValueError, UnsupportedAlgorithm):
            return False

    @property
    def whole(self) -> bool:
        """Whether nothing is lost of what it may say: how it is signed is understood, and the key of each responder in it."""
        return self.scheme is not None and all(each.key is not None for each in self.certificates if each.may_answer_ocsp)

    def entry(self, answer: Any) -> Entry | None:
        """What one of its answers says of a certificate that was revoked."""
        if answer.certificate_status is not ocsp.OCSPCertStatus.REVOKED:
            return None
        reason = answer.revocation_reason.value if answer.revocation_reason else ""
        return Entry(answer.revocation_time_utc, reason, self._invalid(answer.serial_number))

    def understood(self, answer: Any) -> bool:
        """Whether no extension of ``answer``, or of the whole, is critical and not known, and it ends after it begins: else its *good* says
        nothing."""
        if answer.next_update_utc is not None and answer.next_update_utc < answer.this_update_utc:
            return False
        try:
            fields = self.stands.versionless
            single = inside(inside(fields[2])[next(at for at, each in enumerate(self.answers) if each is answer)])
            held = [each for each in (*single[3:], *fields[3:]) if each[:1] == b"\xa1"]
            rows = [row for each in held for row in inside(inside(each)[0])]
            return all(not is_critical(row) or said(inside(row)[0]) in KNOWN_EXTENSIONS for row in rows)
        except (Malformed, IndexError):
            return False

    def _invalid(self, serial: int) -> datetime | None:
        """The extensions of a list's entry may stand in an answer, too (RFC 6960, 4.4.5)."""
        try:
            for each in asn1_ocsp.OCSPResponse.load(self.der).response_data["responses"]:
                if each["cert_id"]["serial_number"].native == serial and each.invalidity_date_value is not None:
                    found: datetime = each.invalidity_date_value.native
                    return found
        except (ValueError, TypeError, KeyError):
            pass
        return None

    def responder(self, issuer: Chain, chains: Chains) -> Chain | None:
        """Who signed: the issuer, or one whom the issuer made a responder (RFC 6960, 4.2.2.2), while his path was valid."""
        if self.made <= issuer.end and self.signed_by(issuer.head, chains.pays_for):
            return issuer
        for each in dict.fromkeys((*self.certificates, *chains.responders(issuer.head))):
            path = issuer.under(each)
            if (
                self._is_named(each)
                and each.may_answer_ocsp
                and each.not_before <= self.made <= path.end
                and self.signed_by(each, chains.pays_for)
                and chains.signed(each, issuer.head)
                and each.may_sign
                and chains.valid(path)
            ):
                return path
        return None

    def _is_named(self, certificate: Certificate) -> bool:
        name, key = self.response.responder_name, self.response.responder_key_hash
        if name is not None:
            stands = inside(self.stands.versionless[0])[0] if self._odd else name.public_bytes()
            return alike(stands) == alike(certificate.subject)
        return key is None or key in (certificate.key_id, certificate.key_sha1)

    @cached_property
    def _basic(self) -> bytes:
        """The BasicOCSPResponse (RFC 6960, 4.2.1). Raises `Malformed`, IndexError: where no library has read it."""
        answer = inside(inside(inside(self.der)[1])[0])[1]
        return b"".join(answer[start:end] for start, end in octets(answer, element(answer)))

    @cached_property
    def stands(self) -> Signed:
        return Signed.of(self._basic)

    def _brought(self) -> Iterator[Certificate]:
        """The certificates that came along, as they stand there."""
        held = [each for each in inside(self._basic)[3:] if each[:1] == b"\xa0"]
        ders = [each for one in held for each in inside(inside(one)[0])]
        brought = at_hand().brought
        new = {digest_of(each) for each in ders} - brought
        for count, most in ((len(ders), MOST_BROUGHT), (len(brought) + len(new), MOST_BROUGHT_IN_ALL)):
            if count > most:
                raise Beyond(phrase("ber-many", most=most))
        brought |= new
        yield from certificates_of(ders)


def _weight(answer: Any) -> tuple[int, datetime]:
    """The lower, the more it counts."""
    if answer.certificate_status is ocsp.OCSPCertStatus.REVOKED:
        return 0, answer.revocation_time_utc
    return 2 if answer.certificate_status is ocsp.OCSPCertStatus.GOOD else 1, LATEST


def _response(data: bytes) -> ocsp.OCSPResponse:
    """Raises ValueError, and those of `ODD`."""
    found = ocsp.load_der_ocsp_response(data)
    if found.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise ValueError(phrase("ocsp-none"))
    _ = (found.responder_name, list(found.responses), found.produced_at_utc)
    return found


def _issuer_hashes(algorithm: hashes.HashAlgorithm, issuer: Certificate) -> tuple[bytes, bytes]:
    name, key = hashes.Hash(algorithm), hashes.Hash(algorithm)
    name.update(issuer.subject)
    key.update(issuer.key_octets)
    return name.finalize(), key.finalize()


def loaded(load: Callable[..., _Each | None], ders: Iterable[bytes], account: OddAccount) -> tuple[list[_Each], list[bytes]]:
    """(those of ``ders`` that ``load`` (`load_crl`, `load_ocsp`) reads, the others); of odd ones no more than is on the ``account``."""
    read: list[_Each] = []
    others: list[bytes] = []
    for each in ders:
        found = load(each, mend=False)
        if found is None and _formed(each, _FORMS[load]) and account.take(each):
            found = load(each)
        if found is not None:
            read.append(found)
        else:
            others.append(each)
    return read, others


def load_crl(der: bytes, *, mend: bool = True) -> Crl | None:
    """None for what is no CRL: revocation data comes from files of strangers. Without ``mend`` an odd one is none."""
    try:
        if not _formed(der, _LIST):
            return None
        guard(cut(der))
        found = Crl(der, mend=mend)
        _ = (found.scheme, found.rules)
        return found
    except (ValueError, Malformed, *ODD):
        return None


def load_ocsp(der: bytes, *, mend: bool = True) -> Ocsp | None:
    """None for what is no successful answer."""
    try:
        if not _formed(der, _ANSWER):
            return None
        guard(cut(der))
        return Ocsp(der, mend=mend)
    except (ValueError, Malformed, *ODD):
        return None


_LIST, _ANSWER = b"\x30\x30\x03", b"\x0a\xa0"
"""The elements of a CertificateList (RFC 5280, 5.1) and of an OCSPResponse that answers (RFC 6960, 4.2.1)."""

_FORMS: dict[Callable[..., Any], bytes] = {load_crl: _LIST, load_ocsp: _ANSWER}


def _formed(der: bytes, form: bytes) -> bool:
    """Whether it has these elements, at a glance: what is none is not gone through. Raises nothing."""
    with suppress(Malformed):
        return bytes(each.tag for each in islice(parts(der, element(der)), len(form) + 1)) == form
    return False


def as_list(data: bytes) -> bytes:
    """A revocation list (PEM or DER) as DER; b"" for what is none."""
    try:
        found = cut(unarmoured(data))
    except Malformed:
        return b""
    return found if load_crl(found) else b""


PEM = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", re.DOTALL)


def unarmoured(data: bytes) -> bytes:
    """A list as DER. Some authorities (rootca.gov.vn has been seen) serve theirs as PEM, against RFC 5280, 4.2.1.13."""
    found = None if data[:1] == b"\x30" else PEM.search(data)
    if found is None:
        return data
    try:
        return bytes(pem.unarmor(found[0])[2])
    except ValueError:
        return b""


def as_revocation(data: bytes) -> bytes:
    """A revocation list (PEM or DER) or an OCSP answer, as DER; b"" for what is neither."""
    return data if load_ocsp(data) else as_list(data)


def ocsp_request(certificate: Certificate, issuer: Certificate) -> bytes:
    """An OCSP request without nonce: an archived answer is for everybody, and many responders answer from a store."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        builder = ocsp.OCSPRequestBuilder()
        name, key = _issuer_hashes(hashes.SHA1(), issuer)
        builder = builder.add_certificate_by_hash(name, key, certificate.serial, hashes.SHA1())
        return builder.build().public_bytes(serialization.Encoding.DER)


def statuses(
    certificate: Certificate, issuer: Chain, crls: Iterable[Crl], ocsps: Iterable[Ocsp], chains: Chains
) -> Iterator[Status]:
    """Everything that believable data says of ``certificate``, whose issuer's path is ``issuer``; ``chains`` knows who else may speak."""
    for crl in crls:
        if not crl.speaks_of(certificate):
            continue
        signer = next((each for each in _list_signers(crl, issuer, chains) if crl.signed_by(each.head, chains.pays_for)), None)
        if signer is None:
            continue
        entry = crl.entry(certificate)
        usable = crl.made <= certificate.not_after or crl.keeps_expired(certificate.not_after)
        if entry is not None:
            yield _status(crl.made, crl.next, entry, crl, signer)
        elif usable and crl.in_scope(certificate):
            yield _status(crl.made, crl.next, None, crl, signer)
    for response in ocsps:
        if chains.exhausted:  # nothing passes then, whatever is found
            return
        answer = response.answer(certificate, issuer.head)
        responder = response.responder(issuer, chains) if answer is not None else None
        if answer is None or responder is None:
            continue
        made = answer.this_update_utc
        entry = response.entry(answer)
        if entry is not None:
            yield _status(made, answer.next_update_utc, entry, response, responder)
        elif (
            answer.certificate_status is ocsp.OCSPCertStatus.GOOD
            and made <= certificate.not_after
            and response.understood(answer)
        ):
            yield _status(made, answer.next_update_utc, None, response, responder)


def _list_signers(crl: Crl, issuer: Chain, chains: Chains) -> Iterator[Chain]:
    """Who may have signed ``crl``, the issuer first: a key usage without cRLSign, and a path that had ended when it was made, forbid it."""
    if alike(issuer.head.subject) == alike(crl.issuer) and issuer.head.signs_lists is not False and crl.made <= issuer.end:
        yield issuer
    others = chains.list_signers(crl.issuer, issuer.anchor)
    yield from (each for each in others if each.head.signs_lists is not False and crl.made <= each.end)


def undisputed(
    certificate: Certificate, issuer: Chain, crls: Sequence[Crl], ocsps: Sequence[Ocsp], chains: Chains
) -> Iterator[Status]:
    """`statuses` without what was told by somebody of whom, or of a CA above whom, the same data says that he was revoked."""
    for status in statuses(certificate, issuer, crls, ocsps, chains):
        above = status.signer.links() if status.signer != issuer else ()
        if all(each.revoked is None for who, path in above for each in statuses(who, path, crls, ocsps, chains)):
            yield status


def _status(made: datetime, until: datetime | None, entry: Entry | None, data: Crl | Ocsp, signer: Chain) -> Status:
    last = max(made + FRESH if made < LATEST else made, until or made)
    revoked, reason, invalid = entry or (None, "", None)
    return Status(made, last, revoked, reason, invalid, data.sha256, data.scheme, signer)
