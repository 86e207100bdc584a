"""The policy.toml that a new archive starts with, explained in English and Vietnamese."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

__all__ = ["default_policy_text"]

_TEXT = """\
# What this archive promises. kho.toml says where things are; docs/policy.md explains every key and its consequences.
# Raise `version` whenever you change something: version and digest of this file stand in every event.
# Chính sách của kho: những gì kho cam kết. kho.toml cho biết dữ liệu nằm ở đâu; docs/policy.md giải thích từng khóa.
# Tăng `version` mỗi khi sửa: số phiên bản và mã băm của tệp này được ghi vào mọi sự kiện.
version = 1

# Every record is written to all these tiers, and is "stored" when at least `need` verified good copies exist.
# Mỗi hồ sơ được ghi vào mọi tầng nêu dưới đây, và chỉ được coi là "đã lưu" khi có ít nhất `need` bản đã kiểm chứng.
[copies.default]
tiers = {tiers}
need = {need}

# Every copy is re-read `every` so often, and with SHA-512 at least once in `full_every`. A copy that could not be
# read, or was damaged, is looked at again after `retry`. `bytes_per_day` limits the reading. [audit.NAME] is for one tier.
# Mỗi bản được đọc lại sau mỗi kỳ `every`, và bằng SHA-512 ít nhất một lần trong `full_every`. Bản không đọc được hoặc
# bị hỏng được xem lại sau `retry`. `bytes_per_day` giới hạn lượng đọc mỗi ngày. [audit.TÊN] dành riêng cho một tầng.
[audit.default]
every = "90d"
full_every = "1y"
retry = "1d"
# bytes_per_day = "2TiB"
# Hours in which audits do not read, and how long they may read in a day. / Giờ không kiểm tra; thời gian kiểm tra tối đa mỗi ngày.
# Between two readings: is every file there, in its size? That is no check.
# Giữa hai lần đọc: xem nhanh đủ tệp, đúng kích thước (không phải kiểm tra).
# look_every = "7d"
# quiet = "07:30-17:30"
# time_per_day = "8h"
{audits}
# Records that are audited in periods of their own. / Khối tài liệu có chu kỳ kiểm tra riêng.
# [collections."NAME"]
# producers = ["Sở Tư pháp*"]
# audit.TIER.every = "30d"

# Write-once copies: every copy on this tier is locked for so long, and again at each audit that finds it good. A lock cannot be taken back.
# Bản ghi một lần: mỗi bản trên tầng này bị khóa trong thời hạn đó, và được gia hạn mỗi lần kiểm tra thấy tốt. Không thể gỡ khóa trước hạn.
# [worm.NAME]
# lock = "400d"

# What becomes of a deposit with such a finding: "info", "warn" (accepted, said on the receipt),
# "hold" (waits for an officer), "refuse".
# Cách xử lý lần nộp có phát hiện: "info" (ghi nhận), "warn" (nhận, có cảnh báo), "hold" (chờ cán bộ), "refuse" (từ chối).
[accept]
unknown_format = "warn"
duplicates = "warn"
# Descriptive fields that every deposit must bring. / Các trường mô tả bắt buộc.
required_fields = []

# Weights of single findings, by code (docs/codes.md). / Mức độ của từng mã phát hiện (docs/codes.md).
[accept.weights]
# "DEP-ID-KNOWN" = "refuse"

# How long refused deposits are kept. / Lưu giữ các lần nộp bị từ chối trong bao lâu.
[refused]
keep = "180d"

# How long a held deposit waits for an officer. / Lần nộp tạm giữ chờ cán bộ quyết định trong bao lâu.
[held]
keep = "30d"

# How long the records of ended jobs are kept; what they did stands in the ledger. / Lưu giữ bản ghi của các việc đã xong trong bao lâu.
[jobs]
keep = "90d"

# false: formats are not identified, which is faster; every deposit says so (IDENT-OFF), and no format is known of its files.
# false: không nhận dạng định dạng (nhanh hơn); mọi lần nộp đều ghi rõ điều đó (IDENT-OFF) và định dạng của tệp không được biết.
# What lies in archives (zip, tar, gz, bz2, xz) is named too: how deep, and how much of one deposit.
# Tệp nằm trong tệp nén (zip, tar, gz, bz2, xz) cũng được nhận dạng: sâu mấy lớp, và bao nhiêu trong một lần nộp.
[identify]
enabled = true
# archives = true
# archive_depth = 3
# archive_files = 20000
# archive_bytes = "4GiB"

# Whether files are sound ones of their formats, and what their properties are (pages, pixels, streams …). false is faster; every
# deposit says so (VAL-OFF), and nothing is then known to be valid.
# Kiểm tra tệp có đúng chuẩn định dạng và đọc các thuộc tính (số trang, điểm ảnh, luồng …). false: nhanh hơn; mọi lần nộp đều
# ghi rõ điều đó (VAL-OFF), và không tệp nào được coi là hợp lệ.
[validate]
enabled = true
characterise = true

# Rules that digitised records must keep: "none", or "vn-tt05" (TT 05/2025/TT-BNV, Điều 8).
# Yêu cầu đối với tài liệu số hóa: "none" (không), hoặc "vn-tt05" (TT 05/2025/TT-BNV, Điều 8).
[intake]
rules = "none"

# true: a deposit that was not scanned for malware is held. / true: lần nộp chưa quét mã độc sẽ bị tạm giữ.
[malware]
required = false

# Evidence: a batch of records is time-stamped `every` so often (or when it is full), and renewed `lead` before what it stands on ends.
# Bằng chứng: mỗi kỳ `every` (hoặc khi đủ số lượng) một lô hồ sơ được đóng dấu thời gian, và được gia hạn trước khi hết hiệu lực `lead`.
[evidence]
every = "1d"
lead = "180d"

# Limits on packages; without a key the built-in limit holds. / Giới hạn của gói tin; bỏ trống thì dùng mức có sẵn.
[limits]
# items = 2000000
# total_bytes = "4TiB"
"""


PERIODS = {"s3": ("180d", "1y"), "tape": ("2y", "2y")}
"""Kind of tier → how often its copies are re-read, and by SHA-512: a store attests its own bytes meanwhile, and reading wears tape.
Disks, which fail soonest and are read at least cost, keep the default."""


def default_policy_text(
    tiers: Sequence[str] = ("a", "b"), *, need: int | None = None, kinds: Mapping[str, str] | None = None
) -> str:
    """The text of policy.toml for these tiers; ``need`` is two, or one where there is only one tier. ``kinds`` says which tiers are
    "s3" or "tape"."""
    wanted = min(2, len(tiers)) if need is None else need
    periods = {tier: PERIODS[kind] for tier, kind in (kinds or {}).items() if kind in PERIODS}
    audits = "".join(
        f'\n[audit.{json.dumps(tier, ensure_ascii=False)}]\nevery = "{every}"\nfull_every = "{full}"\n'
        for tier, (every, full) in periods.items()
    )
    return _TEXT.format(tiers=json.dumps(list(tiers), ensure_ascii=False), need=wanted, audits=audits)
