"""What hides a signature in XML from those who look at its bytes, and what must not be taken for that."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from signatures.detect import detect, detected
from signatures.reading import read_signatures
from signatures.report import Integrity, Kind, SubIndication
from signatures.signed import Source
from tests.signatures import test_xaip
from tests.signatures.pki import Pki
from tests.signatures.xml_signing import LETTER, enveloped


def kinds(data: bytes) -> list[Kind]:
    return [each.kind for each in detected(io.BytesIO(data))]


def not_read(folder: Path, data: bytes) -> bool:
    """Whether the file is told to be signed, and neither sound nor broken."""
    path = folder / "x.xml"
    path.write_bytes(data)
    file = read_signatures(Source(path, "x.xml"))
    assert file is not None
    return all(
        (each.integrity, each.failure) == (Integrity.UNKNOWN, SubIndication.SIG_CONSTRAINTS_FAILURE) for each in file.objects
    )


def body(data: bytes) -> str:
    text = data.decode()
    return (text.partition("?>")[2] if text.startswith("<?xml") else text).lstrip()


def in_entity(pki: Pki, *, coded: bool = False) -> bytes:
    """A signed letter whose signature stands in an entity."""
    text = body(enveloped(pki))
    start, end = text.index("<ds:Signature "), text.index("</ds:Signature>") + len("</ds:Signature>")
    signature = text[start:end].replace("%", "&#37;").replace("'", "&#39;").replace("&#13;", "&#38;#13;")
    if coded:
        signature = "".join(f"&#{ord(each)};" for each in signature)
    return f"<!DOCTYPE r [<!ENTITY s '{signature}'>]>{text[:start]}&s;{text[end:]}".encode()


@pytest.mark.parametrize("coded", [False, True])
def test_a_signature_in_an_entity_is_not_read(tmp_path: Path, pki: Pki, coded: bool) -> None:
    assert not_read(tmp_path, in_entity(pki, coded=coded))


@pytest.mark.parametrize(
    "subset",
    [
        "<!ENTITY % p \"<!ENTITY s '<b:SignatureValue/>'>\"> %p;",
        "<!ENTITY % p \"<!ENTITY s '<b:&#38;#83;ignatureValue/>'>\"> %p;",
        "<!ENTITY % a 'SignatureV'><!ENTITY % p \"<!ENTITY s '<&#37;a;alue/>'>\"> %p;",
        "<!ENTITY s '<&#x53;ignatureValue/>'>",
        f"<!--{'x' * (11 << 20)}--><!ENTITY s '<&#x53;ignatureValue/>'>",
    ],
    ids=["in a parameter entity", "coded in one", "put together", "coded", "behind a long comment"],
)
def test_what_an_entity_may_hold_is_not_read(tmp_path: Path, subset: str) -> None:
    assert not_read(tmp_path, f"<!DOCTYPE r [{subset}]><r>&s;</r>".encode())


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE x [<!ENTITY n "http://www.bsi.bund.de/tr-esor/xaip">]><XAIP xmlns="&n;"/>',
        '<!DOCTYPE x [<!ATTLIST XAIP xmlns CDATA #FIXED "http://www.bsi.bund.de/tr-esor/xaip">]><XAIP/>',
    ],
    ids=["an entity", "a default"],
)
def test_the_namespace_of_a_root_may_stand_in_its_doctype(tmp_path: Path, doctype: str) -> None:
    assert kinds(doctype.encode()) == [Kind.XAIP]
    assert not_read(tmp_path, doctype.encode())


SVG = (
    '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd" '
    '[<!ENTITY ns_svg "http://www.w3.org/2000/svg"><!ENTITY st0 "fill:#FFFFFF;">]><svg xmlns="&ns_svg;"><g style="&st0;"/></svg>'
)
HTML4 = (
    '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN">\n<html><body>XAIP&nbsp;and &lt;ds:SignatureValue&gt;<br></body></html>'
)


@pytest.mark.parametrize(
    "text",
    [
        "<!DOCTYPE html>\n<html><body>h&eacute;, SignatureValue &lt;SignatureValue&gt;<br></body></html>",
        "<!doctype html>\n<title>XAIP</title>",
        HTML4,
        SVG,
        '<!DOCTYPE book SYSTEM "docbook.dtd" [<!ENTITY c1 SYSTEM "c1.xml"><!ENTITY % TEI.prose "INCLUDE">]><book>&c1;</book>',
        "<!-- a DTD -->\n<!ENTITY % p 'x'>\n<!ELEMENT a ANY>",
        "<?xml version='1.0'?><r>the ds:SignatureValue element</r>",
        "<<<< XAIP >>>>",
        LETTER,
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-32", "cp1258", "shift_jis", "gb18030"])
def test_a_plain_document_carries_nothing(text: str, encoding: str) -> None:
    assert kinds(text.replace("UTF-8", encoding).encode(encoding, "xmlcharrefreplace")) == []


CODED = ("utf-7", "iso2022_jp", "iso2022_kr", "hz", "iso2022_jp_2")


@pytest.mark.parametrize("encoding", CODED)
def test_an_encoding_in_which_letters_hide_is_not_read(tmp_path: Path, pki: Pki, encoding: str) -> None:
    shift = {"utf-7": b"+AFM-", "hz": b"S~{~}", "iso2022_kr": b"S\x0e\x0f"}.get(encoding, b"S\x1b(B")
    declared = f'<?xml version="1.0" encoding="{encoding.replace("iso2022_", "ISO-2022-").replace("_", "-")}"?>'.encode()
    hidden = body(enveloped(pki)).encode("ascii", "xmlcharrefreplace")
    for data in (hidden.replace(b"SignatureValue", shift + b"ignatureValue"), hidden):
        assert kinds(declared + data) == [Kind.XADES]
        assert not_read(tmp_path, declared + data)
    plain = body(LETTER.encode()).encode("ascii", "xmlcharrefreplace")
    assert kinds(declared + plain) == []
    assert kinds(declared.replace(b'encoding="', b" " * 5_000 + b'encoding="') + hidden.replace(b"Sig", shift + b"ig")) == [
        Kind.XADES
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"+ADw-r><+AFM-ignatureValue/></r>",
        b"+/v8-<r><+AFM-ignatureValue/></r>",
        b"\x1b$)C<r><S\x0e\x0fignatureValue/></r>",
        b"\x1b(B<r><S\x1b(BignatureValue/></r>",
        b"~{~}<r><S~{~}ignatureValue/></r>",
        b"\x84\x31\x95\x33<r><SignatureValue/></r>",
        b"\x0e\xfe\xff<r/>",
    ],
)
def test_an_encoding_that_nothing_declares_is_not_read(tmp_path: Path, data: bytes) -> None:
    assert kinds(data) == [Kind.XADES]


@pytest.mark.parametrize(
    "data",
    [
        b"+84 24 1234567",
        b"+ADw-r>Letter</r>",
        b"~/notes\n<SignatureValue/>"[:8],
        b"\x1b[0mlog\x1b[1m <a>",
        "công văn số 1; ngày 2".encode(),
        "công văn".encode("utf-16"),
        "a;b\n1;2\n".encode("cp1258"),
        "電報".encode("iso2022_jp"),
        "전보".encode("iso2022_kr"),
        b"C1,C2\n<SignatureValue,1\n",
    ],
)
def test_plain_text_in_any_encoding_carries_nothing(data: bytes) -> None:
    assert detect(io.BytesIO(data)) is None


@pytest.mark.parametrize("name", ["IBM037", "ebcdic-cp-us", "IBM500", "IBM1047", "cp037", "IBM273"])
def test_ebcdic_is_not_read_and_not_broken(tmp_path: Path, pki: Pki, name: str) -> None:
    for text in (body(enveloped(pki)), body(test_xaip.package())):
        data = f'<?xml version="1.0" encoding="{name}"?>{text}'.encode("cp037", "xmlcharrefreplace")
        assert not_read(tmp_path, data)
    assert kinds(f'<?xml version="1.0" encoding="{name}"?>{body(LETTER.encode())}'.encode("cp037", "xmlcharrefreplace")) == []


def test_an_encoding_that_nobody_here_knows_is_not_read(tmp_path: Path) -> None:
    data = b'<?xml version="1.0" encoding="SCSU"?><r/>'
    assert kinds(data) == [Kind.XADES]
    assert not_read(tmp_path, data)


@pytest.mark.parametrize("name", ["VISCII", "TCVN-5712", "x-mac-cyrillic", "windows-1258", "utf-16", "latin1"])
def test_an_encoding_in_which_letters_are_themselves_hides_nothing(name: str) -> None:
    assert kinds(f'<?xml version="1.0" encoding="{name}"?><r/>'.encode()) == []


def test_a_root_behind_a_long_comment_is_told(tmp_path: Path) -> None:
    """A comment of 10 MB is more than libxml2 reads by itself; whoever reads the package may read it."""
    package = body(test_xaip.package())
    long = f"<!--{'x' * (11 << 20)}-->".encode()
    assert kinds(long + package.encode()) == [Kind.XAIP]
    assert kinds(long + b"<?a " + b"y" * (11 << 20) + b"?>" + package.encode()) == [Kind.XAIP]
    assert kinds(b'<XAIP a="' + b"y" * (11 << 20) + b'" xmlns="http://www.bsi.bund.de/tr-esor/xaip"/>') == [Kind.XAIP]
    path = tmp_path / "x.xml"
    path.write_bytes(long + package.encode())
    file = read_signatures(Source(path, "x.xml"))
    assert file is not None
    assert [each.integrity for each in file.objects] == [Integrity.INTACT]
    assert kinds(long + b"<XAI/>") == []


def test_a_root_whose_start_tag_is_too_long_is_told_by_its_name() -> None:
    long = b'<XAIP a="' + b"y" * (13 << 20) + b'" xmlns="http://www.bsi.bund.de/tr-esor/xaip"/>'
    assert kinds(long) == [Kind.XAIP]
    assert kinds(long.replace(b"XAIP", b"XAI")) == []


@pytest.mark.parametrize("prefix", ["", "a:", "b" * 119 + ":", "c" * 120 + ":", "d" * 5_000 + ":", "é" * 300 + ":"])
def test_a_prefix_of_any_length_hides_nothing(prefix: str) -> None:
    name = f"{prefix}SignatureValue"
    assert kinds(f"<r><{name}/></r>".encode()) == [Kind.XADES]
    assert kinds(f"<r>{'x' * ((1 << 20) - 100)}<{name} a='b'/></r>".encode()) == [Kind.XADES]
    assert kinds(f"<r>&lt;{name} &amp;{name} {name} </r>".encode()) == []


def test_millions_of_instructions_before_a_root_are_passed_over() -> None:
    data = b"<?xml version='1.0'?>" + b"<?a?> <!---->" * 1_000_000
    assert kinds(data + b"<r/>") == []
    assert kinds(data + body(test_xaip.package()).encode()) == [Kind.XAIP]


def test_expansion_in_a_root_costs_nothing() -> None:
    """Billions of laughs in an attribute, in a document so long that libxml2's own bounds are lifted."""
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    data = f'<!DOCTYPE r [<!ENTITY l0 "ha">{laughs}]><r a="&l11;">{"<!---->" * 1_500_000}</r>'.encode()
    assert kinds(data) == [Kind.XADES], "what it defines was not told"


def test_a_package_in_xml_that_this_parser_does_not_read_is_not_passed_over() -> None:
    """XML 1.1 has references that 1.0 has not."""
    assert kinds(b'<?xml version="1.1"?><x:XAIP a="&#1;" xmlns:x="http://www.bsi.bund.de/tr-esor/xaip"/>') == [Kind.XAIP]
