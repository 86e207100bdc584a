"""Validating one signed PDF (PAdES B-LTA), as a process: Kho's way and bare pyHanko, over the same file, anchors and revocation lists.

``make FOLDER`` · ``kho FOLDER`` · ``pyhanko FOLDER``. The last two print the median seconds of one validation.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from measure import median_seconds

ROOT = Path(__file__).resolve().parents[1]
AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
REPEAT = 21
FRESH = timedelta(days=100)


def make(folder: Path) -> None:
    """A signed file with everything inside, whom to trust, and the lists of the authorities of that day (the tests' own infrastructure)."""
    sys.path.insert(0, str(ROOT))
    built = importlib.import_module("tests.signatures.pki")
    pki = built.Pki("ec")
    folder.mkdir(parents=True)
    (folder / "signed.pdf").write_bytes(pki.sign_pdf(built.make_pdf(), built.day(2026, 3)))
    for number, each in enumerate(pki.anchors()):
        (folder / f"{number}.cer").write_bytes(each.der)
    for number, der in enumerate(pki.crls(AT)):
        (folder / f"{number}.crl").write_bytes(der)


def kho(folder: Path) -> None:
    """Read, judge, and the whole report as JSON."""
    from policies.trust import default_algorithms
    from signatures.anchors import load_anchors
    from signatures.judgement import Context, ValidationData, judge
    from signatures.reading import read_signatures
    from signatures.signed import SignedFile, Source

    lists = tuple(each.read_bytes() for each in sorted(folder.glob("*.crl")))

    def once() -> None:
        context = Context(load_anchors(folder), default_algorithms(), AT)
        file = read_signatures(Source(folder / "signed.pdf", "signed.pdf")) or SignedFile()
        reports = judge(file, context, beside=[ValidationData(crls=lists)])
        assert reports[0].verdict.passed
        assert all(each.as_json() for each in reports)

    print(_median(once))


def pyhanko(folder: Path) -> None:
    """Its LTA validation, with the same data, offline."""
    from asn1crypto import crl, x509  # type: ignore[import-untyped,unused-ignore]
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation import ades
    from pyhanko.sign.validation import policy_decl as declared
    from pyhanko_certvalidator import policy_decl as path_policy
    from pyhanko_certvalidator.context import CertValidationPolicySpec
    from pyhanko_certvalidator.ltv.types import ValidationTimingInfo
    from pyhanko_certvalidator.registry import SimpleTrustManager
    from pyhanko_certvalidator.revinfo.archival import CRLContainer

    logging.disable(logging.CRITICAL)
    lists = [each.read_bytes() for each in sorted(folder.glob("*.crl"))]
    roots = [each.read_bytes() for each in sorted(folder.glob("*.cer"))]

    def once() -> None:
        revocation: Any = path_policy.CertRevTrustPolicy(
            path_policy.REQUIRE_REVINFO,
            freshness_req_type=path_policy.FreshnessReqType.MAX_DIFF_REVOCATION_VALIDATION,
            freshness=FRESH,
        )
        trust = SimpleTrustManager.build([x509.Certificate.load(each) for each in roots])
        known = declared.LocalKnowledge(known_crls=[CRLContainer(crl.CertificateList.load(each)) for each in lists])
        spec = declared.PdfSignatureValidationSpec(
            declared.SignatureValidationSpec(
                cert_validation_policy=CertValidationPolicySpec(trust_manager=trust, revinfo_policy=revocation),
                local_knowledge=known,
                revinfo_gathering_policy=declared.RevocationInfoGatheringSpec(declared.RevinfoOnlineFetchingRule.LOCAL_ONLY),
            )
        )
        with (folder / "signed.pdf").open("rb") as stream:
            signature = PdfFileReader(stream).embedded_signatures[0]
            timing = ValidationTimingInfo(AT, AT, point_in_time_validation=False)
            result = asyncio.run(ades.ades_lta_validation(signature, spec, timing_info=timing))
        assert str(result.ades_subindic).endswith("OK"), result.ades_subindic

    print(_median(once))


def _median(work: Callable[[], None]) -> float:
    work()  # what is loaded when it is first used does not count
    return median_seconds(work, REPEAT)


if __name__ == "__main__":
    {"make": make, "kho": kho, "pyhanko": pyhanko}[sys.argv[1]](Path(sys.argv[2]))
