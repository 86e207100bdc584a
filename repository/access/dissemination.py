"""What an export says beyond the sealed bytes: the PREMIS of the AIP with every event the ledger gained since it was sealed."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable

from formats.mets_update import update_metadata_reference
from formats.premis import Agent, Event, PremisEntity, PremisFile, read_premis, write_premis
from repository.aip.sealing import PREMIS_PATH
from repository.archive import Archive

__all__ = ["merged_metadata"]


def merged_metadata(archive: Archive, read: Callable[[str], bytes], aip_id: str) -> dict[str, bytes]:
    """Logical path → new bytes, for the root PREMIS (objects as sealed; all events; agents) and the METS that refers to it.

    ``read`` gives a file of the version, verified. The sealed AIP is not touched.
    """
    objects: list[PremisFile | PremisEntity] = []
    agents: list[Agent] = []
    for each in read_premis(io.BytesIO(read(PREMIS_PATH))):
        if isinstance(each, Agent):
            agents.append(each)
        elif not isinstance(each, Event):
            objects.append(each)
    out = io.BytesIO()
    write_premis(out, objects=objects, events=archive.catalog.events.for_aip(aip_id), agents=agents)
    premis = out.getvalue()
    mets = update_metadata_reference(
        read("METS.xml"), PREMIS_PATH, size=len(premis), sha256=hashlib.sha256(premis).digest(), now=archive.clock.now()
    )
    return {PREMIS_PATH: premis, "METS.xml": mets}
