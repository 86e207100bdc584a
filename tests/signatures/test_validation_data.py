"""Collecting what proves a signature: over a real HTTP connection, from CAs as they are, and never further than allowed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from policies.trust import default_algorithms
from signatures import heard, validation_data
from signatures.anchors import Anchors
from signatures.errors import FetchFailed
from signatures.fetch import Fetcher
from signatures.judgement import Context, judge
from signatures.signed import SignedFile
from signatures.validation_data import Collector, Kept, read_kept
from tests.signatures.houses import OCSP, at_url, root
from tests.signatures.judging import read
from tests.signatures.network import Network, served
from tests.signatures.pki import Pki, day, make_pdf

NOW = day(2026, 6)


@pytest.fixture
def file(tmp_path: Path, pki: Pki) -> SignedFile:
    """A B-T signature: nothing of revocation inside."""
    return read(tmp_path, pki.sign_pdf(make_pdf(), day(2026, 3), level="T"))


def collected(pki: Pki, file: SignedFile, network: Network) -> tuple[Kept, Collector]:
    with served(network) as proxy:
        collector = Collector(Fetcher(proxy=proxy), Anchors.of(pki.anchors()))
        return collector.collect(file, NOW), collector


def verdict(pki: Pki, file: SignedFile, kept: Kept) -> str:
    context = Context(Anchors.of(pki.anchors()), default_algorithms(), NOW)
    return str(judge(file, context, beside=[read_kept(kept.files())])[0].verdict)


def test_what_was_collected_makes_it_pass(pki: Pki, file: SignedFile) -> None:
    network = Network(pki, NOW)
    kept, _ = collected(pki, file, network)
    assert kept.failures == []
    assert sorted(url.partition("pki.test/test/")[2] for url in network.asked) == [
        "crls/root/latest.crl",
        "crls/tsaca1/latest.crl",
        "ocsp/interm",
    ]
    assert verdict(pki, file, kept) == "TOTAL-PASSED"
    assert {name.rpartition(".")[2] for name, _ in kept.files()} == {"crl", "ocsp"}


class Stumbling:
    """A fetcher over whose answers a library stumbles in a way that nobody foresaw, where the address has ``over`` in it."""

    def __init__(self, over: str) -> None:
        self._over = over

    def get(self, url: str) -> bytes:
        if self._over in url:
            raise OverflowError("mktime argument out of range")
        raise FetchFailed(url, "down")

    def post(self, url: str, body: bytes, media: str) -> bytes:
        return self.get(url)


def test_what_a_library_stumbles_over_takes_nothing_from_the_other_paths(pki: Pki, file: SignedFile) -> None:
    kept = Collector(Stumbling("/crls/root/"), Anchors()).collect(file, NOW)
    codes = [each.code for each in kept.failures]
    assert "SIG-COLLECT-NOT-UNDERSTOOD" in codes
    assert "NET-FAILED" in codes
    assert "OverflowError" in next(each for each in kept.failures if each.code == "SIG-COLLECT-NOT-UNDERSTOOD").text("vi")


def test_a_list_that_nobody_foresaw_is_not_understood(pki: Pki, file: SignedFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumbling(der: bytes) -> None:
        raise OverflowError(der[:4])

    monkeypatch.setattr(validation_data, "load_crl", stumbling)
    monkeypatch.setattr(heard, "load_crl", stumbling)
    odd = replace(file, crls=(b"odd",))
    assert [each.code for each in Collector(Stumbling("x"), Anchors()).collect(odd, NOW).failures] == [
        "SIG-COLLECT-NOT-UNDERSTOOD"
    ]
    reports = judge(odd, Context(Anchors.of(pki.anchors()), default_algorithms(), NOW))
    assert len(reports) == len(file.objects)
    for report in reports:
        assert (str(report.verdict), report.signer) == ("INDETERMINATE/GENERIC", None)
        assert report.verdict.why is not None
        assert report.verdict.why.code == "SIG-NOT-UNDERSTOOD"


def test_a_silent_responder_is_replaced_by_the_list(pki: Pki, file: SignedFile) -> None:
    network = Network(pki, NOW)
    network.down.add("/ocsp/")
    kept, _ = collected(pki, file, network)
    assert [each.code for each in kept.failures] == ["NET-FAILED"]
    assert len(kept.crls) == 3
    assert verdict(pki, file, kept) == "TOTAL-PASSED"


def test_lists_that_are_served_as_pem(pki: Pki, file: SignedFile) -> None:
    network = Network(pki, NOW)
    network.armoured = True
    network.down.add("/ocsp/")
    kept, _ = collected(pki, file, network)
    assert all(der[:1] == b"\x30" for der in kept.crls)
    assert verdict(pki, file, kept) == "TOTAL-PASSED"


def test_what_cannot_be_had_is_said(pki: Pki, file: SignedFile) -> None:
    network = Network(pki, NOW)
    network.down.update(["/ocsp/", "/crls/interm"])
    kept, _ = collected(pki, file, network)
    assert [each.code for each in kept.failures] == ["NET-FAILED", "NET-FAILED", "SIG-MISSING-REVOCATION"]
    assert verdict(pki, file, kept) == "INDETERMINATE/TRY_LATER"


def test_nothing_is_asked_twice(pki: Pki, file: SignedFile) -> None:
    network = Network(pki, NOW)
    with served(network) as proxy:
        collector = Collector(Fetcher(proxy=proxy), Anchors.of(pki.anchors()))
        for _ in range(3):
            assert collector.collect(file, NOW).failures == []
    assert len(network.asked) == 3


def test_an_expired_certificate_is_not_asked_about(pki: Pki, file: SignedFile) -> None:
    network = Network(pki, day(2028))
    with served(network) as proxy:
        kept = Collector(Fetcher(proxy=proxy), Anchors.of(pki.anchors())).collect(file, day(2028))
    assert not any("interm" in url for url in network.asked)
    assert "SIG-MISSING-REVOCATION" in [each.code for each in kept.failures]


def test_a_hostile_chain_asks_no_more_than_the_bound(pki: Pki, file: SignedFile, monkeypatch: pytest.MonkeyPatch) -> None:
    class Nobody:
        asked = 0

        def get(self, url: str) -> bytes:
            Nobody.asked += 1
            raise FetchFailed(url, "no")

        def post(self, url: str, body: bytes, media_type: str) -> bytes:
            return self.get(url)

    from signatures import validation_data

    monkeypatch.setattr(validation_data, "MOST_REQUESTS", 2)
    kept = Collector(Nobody(), Anchors.of(pki.anchors())).collect(file, NOW)
    assert Nobody.asked == 2
    assert kept.failures


def test_addresses_inside_the_network_are_not_asked(pki: Pki) -> None:
    """The certificate may name any address: the fetcher refuses what is not public, and that is a failure that is told."""
    with served(Network(pki, NOW)) as inside, pytest.raises(FetchFailed, match="private network"):
        Fetcher().get(inside + "/test/crls/root/latest.crl")


def test_a_list_that_cannot_be_believed_does_not_keep_the_true_one_from_being_asked_for(tmp_path: Path) -> None:
    """What a signer put into his own file must not stop what is true from being collected while it can be had."""
    lists = {}

    class Served:
        def get(self, url: str) -> bytes:
            return lists[url]

        def post(self, url: str, body: bytes, media_type: str) -> bytes:
            raise FetchFailed(url, "no responder here")

    top = root()
    ca = top.issue("CA X", ca=True, more=[at_url("http://ca.example/root.crl")])
    signer = ca.issue("Signer", more=[at_url("http://ca.example/ca.crl")])
    forger = signer.issue("CA X", ca=True)
    lists |= {"http://ca.example/root.crl": top.crl(made=NOW), "http://ca.example/ca.crl": ca.crl(signer, made=NOW)}
    forged = replace(read(tmp_path, signer.sign(b"x", top, ca, forger)), crls=(forger.crl(made=NOW),))
    honest = replace(forged, crls=(ca.crl(made=NOW), top.crl(made=NOW)))
    for anchors in (Anchors.of([top.certificate]), Anchors()):
        kept = Collector(Served(), anchors).collect(forged, NOW)
        assert set(kept.crls) == set(lists.values())
        assert kept.failures == []
    assert not Collector(Served(), Anchors.of([top.certificate])).collect(honest, NOW).crls


def test_who_answered_in_the_place_of_a_ca_is_asked_about_too(tmp_path: Path) -> None:
    asked = []

    class Served:
        def get(self, url: str) -> bytes:
            asked.append(url)
            return ca.crl(made=NOW) if url.endswith("ca.crl") else top.crl(made=NOW)

        def post(self, url: str, body: bytes, media_type: str) -> bytes:
            raise FetchFailed(url, "no responder here")

    top = root()
    ca = top.issue("CA X", ca=True, more=[at_url("http://ca.example/root.crl")])
    signer = ca.issue("Signer")
    responder = ca.issue("Responder", purposes=[OCSP], more=[at_url("http://ca.example/ca.crl")])
    file = replace(read(tmp_path, signer.sign(b"x", ca)), ocsps=(responder.answer(signer, ca, made=NOW),))
    Collector(Served(), Anchors.of([top.certificate])).collect(file, NOW)
    assert asked == ["http://ca.example/ca.crl", "http://ca.example/root.crl"]


INSIDE = [
    *("127.0.0.1", "10.1.2.3", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1"),
    *("[::1]", "[::]", "[fe80::1]", "[fc00::1]", "[fec0::1]", "[ff02::1]", "[2001:db8::1]"),
    *("[::ffff:10.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b::a00:1]", "[64:ff9b:1::7f00:1]", "[::127.0.0.1]", "[::ffff:0:7f00:1]"),
    *("[2002:7f00:1::]", "[2002:a00:1::1]", "[2001:0:7f00:1::]", "[4000::1]"),
]


@pytest.mark.parametrize("host", INSIDE)
@pytest.mark.parametrize("proxy", ["", "http://127.0.0.1:1"])
def test_every_way_to_write_an_address_inside_the_network(host: str, proxy: str) -> None:
    with pytest.raises(FetchFailed, match="private network"):
        Fetcher(proxy=proxy).get(f"http://{host}/ca.crl")


@pytest.mark.parametrize("host", ["8.8.8.8", "[2606:4700::1111]", "[64:ff9b::808:808]", "[::ffff:8.8.8.8]", "[2002:808:808::1]"])
def test_addresses_of_the_open_network_are_asked(host: str) -> None:
    """Through a proxy that is not there: what is refused is told before anybody is asked."""
    with pytest.raises(FetchFailed) as failed:
        Fetcher(proxy="http://127.0.0.1:1").get(f"http://{host}/ca.crl")
    assert "private network" not in str(failed.value)
