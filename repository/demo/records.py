"""The invented fonds: three files (hồ sơ) of an agency that does not exist, as a folder, a BagIt bag and a zip.

Fields and codes of the descriptive metadata follow Circular 05/2025/TT-BNV (file data: title, maintenance, mode, language,
startDate …; 01 = kept permanently, public, Vietnamese), one file has Dublin Core, one a CSV row.
"""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from repository.demo.pdf import pdf
from repository.demo.png import scan

__all__ = ["PRODUCER", "make_records"]

PRODUCER = "Sở Nội vụ tỉnh Hương Giang"

WRITTEN = (2021, 3, 15, 8, 30, 0)
"""One time of writing for every file: the same records are the same bytes."""

WRITTEN_SECONDS = 1_615_797_000
"""The same moment (UTC) in seconds since 1970."""


@dataclass(frozen=True)
class Record:
    """One hồ sơ: its fields by TT 05/2025 tag, and its documents by file name."""

    name: str
    fields: Mapping[str, str]
    files: Mapping[str, bytes]


def make_records(folder: Path) -> list[Path]:
    """Write the three deposits into ``folder`` (made when needed) and return their paths. What is there is overwritten."""
    land, dike, congress = _land(), _dike(), _congress()
    os.makedirs(folder, exist_ok=True)
    made = [folder / land.name, folder / dike.name, folder / f"{congress.name}.zip"]
    _write(made[0], {**land.files, "metadata/descriptive/EAD.xml": _ead(land.fields)})
    _write(made[1], _bag(dike))
    zipped = {**congress.files, "metadata/descriptive/dc.xml": _dublin_core(congress.fields)}
    made[2].write_bytes(_zip({f"{congress.name}/{name}": data for name, data in zipped.items()}))
    os.utime(made[2], (WRITTEN_SECONDS, WRITTEN_SECONDS))
    return made


def _fields(code: str, title: str, start: str, end: str, keyword: str, documents: int, pages: int) -> dict[str, str]:
    return {
        "fileCode": f"000.00.00.H00.{code}",
        "title": title,
        "maintenance": "01",
        "mode": "01",
        "language": "01",
        "startDate": start,
        "endDate": end,
        "keyword": keyword,
        "totalDoc": str(documents),
        "numberOfPaper": str(pages),
        "numberOfPage": str(pages),
        "format": "01",
        "confidenceLevel": "02",
        "riskRecovery": "0",
        "description": "Hồ sơ minh họa của Kho; cơ quan, người và việc đều là hư cấu.",
    }


def _letter(number: str, place: str, kind: str, subject: str, body: Sequence[str]) -> list[str]:
    """An administrative document in the outline of Decree 30/2020."""
    return [
        f"{PRODUCER.upper()[:31]:<36}CỘNG HÒA XÃ HỘI",
        f"{'Số: ' + number:<36}CHỦ NGHĨA VIỆT NAM",
        f"{'':<36}Độc lập – Tự do – Hạnh phúc",
        "",
        f"{'':<30}{place}",
        "",
        f"{kind.upper():^66}",
        f"{subject:^66}",
        "",
        *body,
        "",
        f"{'':<42}GIÁM ĐỐC",
        f"{'':<42}(Đã ký)",
        f"{'':<42}Nguyễn Thị Hư Cấu",
    ]


def _land() -> Record:
    title = "Hồ sơ giải quyết đất đai xã Bình Yên năm 2019"
    request = _letter(
        "12/TTr-SNV",
        "Hương Giang, ngày 04 tháng 3 năm 2019",
        "Tờ trình",
        "Về việc giao đất xây dựng trường học xã Bình Yên",
        [
            "Kính gửi: Ủy ban nhân dân tỉnh Hương Giang.",
            "",
            "Căn cứ quy hoạch sử dụng đất của xã Bình Yên đã được phê duyệt,",
            "Sở Nội vụ kính trình Ủy ban nhân dân tỉnh xem xét giao 2.450 m2",
            "đất tại thôn Đông Thượng để xây dựng trường tiểu học.",
        ],
    )
    decision = _letter(
        "57/QĐ-SNV",
        "Hương Giang, ngày 20 tháng 5 năm 2019",
        "Quyết định",
        "Về việc giao đất xây dựng trường học xã Bình Yên",
        [
            "Điều 1. Giao 2.450 m2 đất tại thôn Đông Thượng, xã Bình Yên.",
            "Điều 2. Thời hạn sử dụng: lâu dài, kể từ ngày ký.",
            "Điều 3. Chánh Văn phòng và các đơn vị liên quan chịu trách nhiệm",
            "thi hành Quyết định này.",
        ],
    )
    map_lines = ["TRÍCH LỤC BẢN ĐỒ ĐỊA CHÍNH", "Thửa đất số 118, tờ bản đồ số 7", "Thôn Đông Thượng, xã Bình Yên", "Tỷ lệ 1:1000"]
    files = {
        "Tờ trình số 12.pdf": pdf("Tờ trình số 12/TTr-SNV", request),
        "Quyết định số 57.pdf": pdf("Quyết định số 57/QĐ-SNV", decision),
        "Trích lục bản đồ.png": scan(map_lines),
        "Ghi chú.txt": "Bản gốc giấy lưu tại kho 2, giá 14, hộp 3.\n".encode(),
    }
    return Record(
        "ho-so-01-dat-dai", _fields("2019.01.DD", title, "04/03/2019", "20/05/2019", "đất đai; trường học", 3, 3), files
    )


def _dike() -> Record:
    title = "Hồ sơ tu bổ đê sông Trầm năm 2020"
    plan = _letter(
        "03/KH-SNV",
        "Hương Giang, ngày 12 tháng 02 năm 2020",
        "Kế hoạch",
        "Tu bổ đê sông Trầm trước mùa mưa bão",
        [f"Đoạn {number}: từ K{number} đến K{number + 1}, đắp đất áp trúc, kè đá hộc." for number in range(1, 9)],
    )
    report = [f"Ngày {day:02d}/4/2020: mực nước {180 + day * 7 % 40} cm, thân đê ổn định." for day in range(1, 31)] * 3
    files = {
        "Kế hoạch số 03.pdf": pdf("Kế hoạch số 03/KH-SNV", plan),
        "Báo cáo theo dõi đê.pdf": pdf("Báo cáo theo dõi đê sông Trầm", ["BÁO CÁO THEO DÕI ĐÊ SÔNG TRẦM", "", *report]),
        "Ảnh/Biên bản hiện trường.png": scan(
            ["BIÊN BẢN HIỆN TRƯỜNG", "Ngày 15 tháng 4 năm 2020", "Đê sông Trầm, đoạn K3 – K4", "Thân đê ổn định."]
        ),
    }
    return Record(
        "ho-so-02-de-song-tram",
        _fields("2020.02.DE", title, "12/02/2020", "30/04/2020", "đê điều; phòng chống thiên tai", 3, 5),
        files,
    )


def _congress() -> Record:
    title = "Hồ sơ hội nghị tổng kết công tác lưu trữ năm 2021"
    files = {
        "Giấy mời.pdf": pdf(
            "Giấy mời",
            _letter(
                "01/GM-SNV",
                "Hương Giang, ngày 05 tháng 01 năm 2021",
                "Giấy mời",
                "Hội nghị tổng kết công tác văn thư, lưu trữ",
                ["Thời gian: 8 giờ 00, ngày 18 tháng 01 năm 2021.", "Địa điểm: Hội trường Sở Nội vụ tỉnh Hương Giang."],
            ),
        ),
        "Biên bản hội nghị.txt": "BIÊN BẢN\nHội nghị tổng kết công tác lưu trữ năm 2021\nCó mặt: 42 đại biểu.\n".encode(),
        "Danh sách đại biểu.csv": "stt,họ và tên\n1,Trần Văn Giả Định\n2,Lê Thị Minh Họa\n".encode(),
    }
    return Record("ho-so-03-hoi-nghi", _fields("2021.03.HN", title, "05/01/2021", "18/01/2021", "hội nghị; lưu trữ", 3, 4), files)


def _ead(fields: Mapping[str, str]) -> bytes:
    rows = "".join(f"  <{name}>{escape(value)}</{name}>\n" for name, value in fields.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<simpledc>\n{rows}</simpledc>\n'.encode()


def _dublin_core(fields: Mapping[str, str]) -> bytes:
    rows = {
        "identifier": fields["fileCode"],
        "title": fields["title"],
        "creator": PRODUCER,
        "date": fields["startDate"],
        "language": "vi",
        "subject": fields["keyword"],
        "description": fields["description"],
    }
    body = "".join(f"  <dc:{name}>{escape(value)}</dc:{name}>\n" for name, value in rows.items())
    spaces = 'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:oai_dc="http://www.openarchives.org/OAI/2.0/oai_dc/"'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<oai_dc:dc {spaces}>\n{body}</oai_dc:dc>\n'.encode()


def _csv(fields: Mapping[str, str]) -> bytes:
    def row(cells: Sequence[str]) -> str:
        return ",".join(f'"{cell}"' for cell in cells)

    return (row(list(fields)) + "\r\n" + row(list(fields.values())) + "\r\n").encode()


def _bag(record: Record) -> dict[str, bytes]:
    """A BagIt 1.0 bag (RFC 8493) with SHA-256 manifests."""
    payload = {f"data/{name}": data for name, data in {**record.files, "metadata.csv": _csv(record.fields)}.items()}
    size = sum(map(len, payload.values()))
    tags = {
        "bagit.txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
        "bag-info.txt": (
            f"Source-Organization: {PRODUCER}\nExternal-Identifier: {record.fields['fileCode']}\n"
            f"External-Description: {record.fields['title']}\nBagging-Date: 2021-03-15\nPayload-Oxum: {size}.{len(payload)}\n"
        ).encode(),
        "manifest-sha256.txt": _manifest(payload),
    }
    return {**payload, **tags, "tagmanifest-sha256.txt": _manifest(tags)}


def _manifest(files: Mapping[str, bytes]) -> bytes:
    return "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(files.items())).encode()


def _zip(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in sorted(files.items()):
            entry = zipfile.ZipInfo(name, date_time=WRITTEN)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, whatever this runs on: the same bytes
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, data)
    return out.getvalue()


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        path = folder / name
        os.makedirs(path.parent, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (WRITTEN_SECONDS, WRITTEN_SECONDS))
