"""The published schemas, compiled offline, for tests only. They are not part of the project: `available` says whether they
are there."""

from __future__ import annotations

import functools
import os
from pathlib import Path

from lxml import etree

SPECS = Path(os.environ.get("KHO_SPECS", Path(__file__).parents[2] / ".." / "shared" / "specs")).resolve()

REASON = f"the schemas are not at {SPECS} (set KHO_SPECS)"


def available() -> bool:
    return (SPECS / "mets" / "1.12" / "mets.xsd").is_file()


class _Local(etree.Resolver):
    """Answers every address with a local file, so that a test that would need the network fails."""

    def resolve(self, url, public_id, context):
        name = url.rpartition("/")[2]
        for local in (
            SPECS / "xlink" / "xlink.xsd",
            SPECS / "mets" / "1.12" / "mets.xsd",
            SPECS / "csip" / "schema" / "DILCISExtensionMETS.xsd",
        ):
            if local.name == name:
                return self.resolve_filename(str(local), context)
        if os.path.isfile(url):
            return self.resolve_filename(url, context)
        raise AssertionError(f"{url} would be fetched")


def _compile(text: bytes, base: str) -> etree.XMLSchema:
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(_Local())
    return etree.XMLSchema(etree.fromstring(text, parser, base_url=base))


@functools.cache
def mets() -> etree.XMLSchema:
    """METS 1.12 with the attributes of CSIP."""
    return _compile(
        f"""<xsd:schema xmlns:xsd="http://www.w3.org/2001/XMLSchema">
        <xsd:import namespace="http://www.loc.gov/METS/" schemaLocation="{SPECS}/mets/1.12/mets.xsd"/>
        <xsd:import namespace="https://DILCIS.eu/XML/METS/CSIPExtensionMETS"
            schemaLocation="{SPECS}/csip/schema/DILCISExtensionMETS.xsd"/></xsd:schema>""".encode(),
        str(SPECS / "both.xsd"),
    )


@functools.cache
def premis() -> etree.XMLSchema:
    file = SPECS / "premis" / "premis-v3-0.xsd"
    return _compile(file.read_bytes(), str(file))
