"""An archive with two time-stamp authorities on loopback, at a virtual time."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from repository.archive import Archive
from repository.evidence.exporting import Exported
from repository.evidence.judge import Judging, judge
from signatures.evidence import EvidenceReport
from signatures.timestamps import Authority, IssuingAuthority
from tests.builders_archive import ArchiveUnderTest, SharedIdentifier, write_tree
from tests.signatures.authorities import NOW, VirtualClock, authority, issuing, served

__all__ = ["FILES", "Proved", "judged_record"]

FILES = {"báo cáo.txt": "Nội dung".encode(), "ảnh/1.bin": bytes(range(256)), "rỗng": b""}


def judged_record(folder: Path, record: str, at: datetime) -> EvidenceReport:
    """What a record of an exported proof is worth at a time, over all data and by the anchors that were exported with it."""
    files = sorted(each for each in (folder / "data").rglob("*") if each.is_file())
    return judge(folder / record, Judging(files, {}, [folder / "anchors"], at))


class Proved(ArchiveUnderTest):
    """An archive with two time-stamp authorities on loopback, at a virtual time."""

    def __init__(self, folder: Path, identifier: SharedIdentifier, *, now: datetime = NOW) -> None:
        self._clock = VirtualClock(now)
        self._serving = ExitStack()
        super().__init__(folder, identifier)

    @property
    def clock(self) -> VirtualClock:
        return self._clock

    def adjusted(self, archive: Archive) -> Archive:
        return replace(archive, clock=self._clock)

    def authority(self, name: str, tree: str, kind: str = "p256", *, years: float = 10, hash_name: str = "sha256") -> Authority:
        """A new authority of now, in kho.toml."""
        known = authority(
            name, kind, clock=self._clock, begins=self._clock.now() - timedelta(days=1), years=years, hash_name=hash_name
        )
        self.name_authority(name, issuing(known), tree)
        return known

    def name_authority(self, name: str, made: IssuingAuthority, tree: str) -> None:
        """Serve an authority and put it into kho.toml."""
        pem = x509.load_der_x509_certificate(made.root).public_bytes(Encoding.PEM)
        (self.home / f"{name}.pem").write_bytes(pem)
        url = self._serving.enter_context(served(made.answer))
        with (self.home / "kho.toml").open("a", encoding="utf-8") as file:
            file.write(
                f'\n[[timestamps]]\nname = "{name}"\nurl = "{url}"\nanchors = ["{name}.pem"]\ntrees = ["{tree}"]\nprivate = true\n'
            )
        self.reopen()

    def no_authorities(self) -> None:
        file = self.home / "kho.toml"
        text = file.read_text(encoding="utf-8")
        file.write_text(text.partition("\n[[timestamps]]")[0], encoding="utf-8")
        self.reopen()

    def end(self) -> None:
        self.close()
        self._serving.close()

    def give(self, name: str, files: dict[str, bytes] | None = None, *, update: str | None = None) -> str:
        path = write_tree(self.folder / name, files or {**FILES, "name": name.encode()})
        deposit = self.deposit(path, update=update)
        assert deposit.state.value == "stored", (deposit.error, deposit.findings)
        return deposit.aip_id

    def proof(self, aip: str, name: str, version: int | None = None) -> tuple[Path, Exported]:
        target = self.folder / name
        return target, self.engine.evidence.export(aip, target, version=version)
