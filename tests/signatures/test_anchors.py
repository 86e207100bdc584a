"""Whom the operator trusts: a folder of certificates, their periods, trusted lists; and nothing half."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path

import pytest
from asn1crypto import pem

from signatures.anchors import Anchors, Purpose, load_anchors
from signatures.errors import AnchorsUnusable
from tests.signatures.pki import Pki, day

LIST = """<?xml version="1.0" encoding="UTF-8"?>
<TrustServiceStatusList xmlns="http://uri.etsi.org/02231/v2#"><TrustServiceProviderList><TrustServiceProvider><TSPServices>
<TSPService><ServiceInformation>
<ServiceTypeIdentifier>http://uri.etsi.org/TrstSvc/Svctype/CA/QC</ServiceTypeIdentifier>
<ServiceDigitalIdentity><DigitalId><X509Certificate>{certificate}</X509Certificate></DigitalId></ServiceDigitalIdentity>
<ServiceStatus>http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/withdrawn</ServiceStatus>
<StatusStartingTime>2027-01-01T00:00:00Z</StatusStartingTime></ServiceInformation>
<ServiceHistory><ServiceHistoryInstance>
<ServiceTypeIdentifier>http://uri.etsi.org/TrstSvc/Svctype/CA/QC</ServiceTypeIdentifier>
<ServiceStatus>http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/granted</ServiceStatus>
<StatusStartingTime>2021-01-01T00:00:00Z</StatusStartingTime>
</ServiceHistoryInstance></ServiceHistory></TSPService>
</TSPServices></TrustServiceProvider></TrustServiceProviderList></TrustServiceStatusList>"""


def test_a_folder_of_certificates(tmp_path: Path, pki: Pki) -> None:
    root, other = pki.certificate("root"), pki.certificate("tsaca1")
    (tmp_path / "root.crt").write_bytes(root.der)
    (tmp_path / "both.pem").write_bytes(pem.armor("CERTIFICATE", root.der) + pem.armor("CERTIFICATE", other.der))
    (tmp_path / "README.txt").write_text("not an anchor")
    anchors = load_anchors(tmp_path)
    assert {each.certificate for each in anchors.anchors} == {root, other}
    assert all(each.purposes == frozenset(Purpose) for each in anchors.anchors)
    assert anchors.anchors[0].since == anchors.anchors[0].certificate.not_before


def test_nothing_is_trusted_where_nothing_is(tmp_path: Path) -> None:
    assert not load_anchors(tmp_path)
    assert not load_anchors(tmp_path / "missing")


def test_periods_and_purposes_by_fingerprint(tmp_path: Path, pki: Pki) -> None:
    root, helper = pki.certificate("root"), pki.certificate("interm")
    (tmp_path / "all.pem").write_bytes(pem.armor("CERTIFICATE", root.der) + pem.armor("CERTIFICATE", helper.der))
    (tmp_path / "anchors.toml").write_text(
        f'[[anchor]]\nsha256 = "{root.sha256.hex().upper()}"\nname = "NEAC"\nsince = 2021-05-01\nuntil = 2030-01-01T00:00:00Z\n'
        f'purposes = ["signature"]\n[[anchor]]\nsha256 = "{helper.sha256.hex()}"\ntrusted = false\n'
    )
    anchors = load_anchors(tmp_path)
    (anchor,) = anchors.anchors
    assert (anchor.since, anchor.until) == (datetime(2021, 5, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))
    assert anchor.vouches(Purpose.SIGNATURE, day(2026))
    assert not anchor.vouches(Purpose.TIMESTAMP, day(2026))
    assert not anchor.vouches(Purpose.SIGNATURE, datetime(2030, 1, 1, tzinfo=UTC))
    assert anchors.known == (helper,)


def test_a_trusted_list_with_its_history(tmp_path: Path, pki: Pki) -> None:
    certificate = pki.certificate("interm")
    (tmp_path / "list.xml").write_text(LIST.format(certificate=base64.b64encode(certificate.der).decode()))
    (anchor,) = load_anchors(tmp_path).anchors
    assert anchor.certificate == certificate
    assert (anchor.since, anchor.until) == (datetime(2021, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    assert anchor.purposes == {Purpose.SIGNATURE}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("root.crt", "no certificate"),
        ("list.xml", "<html/>"),
        ("list.xml", "<!DOCTYPE a><a/>"),
        ("anchors.toml", "[[anchor]]\nsince = 2020-01-01"),
        ("anchors.toml", '[[anchor]]\nsha256 = "00"'),
        ("anchors.toml", 'trusted = "all"'),
        ("anchors.toml", "not toml"),
    ],
)
def test_half_a_list_of_anchors_is_none(tmp_path: Path, pki: Pki, name: str, text: str) -> None:
    (tmp_path / "good.der").write_bytes(pki.certificate("root").der)
    (tmp_path / name).write_text(text)
    with pytest.raises(AnchorsUnusable):
        load_anchors(tmp_path)


def test_the_digest_follows_what_is_trusted(pki: Pki) -> None:
    root, other = pki.certificate("root"), pki.certificate("tsaca1")
    assert Anchors.of([root, other]).digest == Anchors.of([other, root]).digest != Anchors.of([root]).digest
