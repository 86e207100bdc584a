"""The fixed vocabularies of METS and CSIP that Kho writes and checks against."""

from __future__ import annotations

from typing import Final

__all__ = ["CONTENT_CATEGORIES", "CONTENT_INFORMATION_TYPES", "MDTYPES"]

CONTENT_CATEGORIES: Final = frozenset(
    {
        "Textual works – Print",
        "Textual works – Digital",
        "Textual works – Electronic Serials",
        "Digital Musical Composition (score-based representations)",
        "Musical Scores - Print",
        "Musical Scores - Digital",
        "Photographs – Print",
        "Photographs – Digital",
        "Other Graphic Images – Print",
        "Other Graphic Images – Digital",
        "Microforms",
        "Audio – On Tangible Medium (digital or analog)",
        "Audio – Media-independent (digital)",
        "Motion Pictures – Digital and Physical Media",
        "Video – File-based and Physical Media",
        "Software",
        "Software and Video Games",
        "Email",
        "Datasets",
        "Geospatial Data",
        "Geographic Information System (GIS) - Vector Data",
        "GIS Raster and Georeferenced Images",
        "GIS Vector and Raster Combined",
        "Non-GIS Cartographic",
        "2D and 3D Computer Aided Design",
        "Design (schematics, architectural drawings) - Print",
        "Scanned 3D Objects (output from photogrammetry scanning)",
        "Databases",
        "Websites",
        "Web Archives",
        "Collection",
        "Event",
        "Image",
        "Interactive resource",
        "Moving image",
        "Sound",
        "Still image",
        "Text",
        "Physical object",
        "Service",
        "Mixed",
        "Other",
    }
)
"""CSIP2's vocabulary (CSIPVocabularyContentCategory). It mixes en dash and hyphen, and is compared byte for byte."""

CONTENT_INFORMATION_TYPES: Final = frozenset(
    {
        "ERMS",
        "SIARD1",
        "SIARD2",
        "SIARDDK",
        "GeoData",
        "citsarchival_v1_0",
        "citspremis_v1_0",
        "cspremis_v1_0",
        "citserms_v2_1",
        "citserms_v3_0",
        "citsehpj_v1_0",
        "citsehpj_v2_0",
        "citsehcr_v1_0",
        "citssiard_v1_0",
        "citsgeospatial_v3_0",
        "cits3dpm_v1_0",
        "MIXED",
        "OTHER",
    }
)
"""CSIP4's vocabulary, as far as the schema of the csip attributes (DILCISExtensionMETS.xsd) knows it too."""

MDTYPES: Final = frozenset(
    {
        "MARC",
        "MODS",
        "EAD",
        "DC",
        "NISOIMG",
        "LC-AV",
        "VRA",
        "TEIHDR",
        "DDI",
        "FGDC",
        "LOM",
        "PREMIS",
        "PREMIS:OBJECT",
        "PREMIS:AGENT",
        "PREMIS:RIGHTS",
        "PREMIS:EVENT",
        "TEXTMD",
        "METSRIGHTS",
        "ISO 19115:2003 NAP",
        "EAC-CPF",
        "LIDO",
        "OTHER",
    }
)
"""METS 1.12, mdRef/@MDTYPE."""
