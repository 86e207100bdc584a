"""Packages as they are received and handed out: folders, archives (zip, tar), BagIt bags, E-ARK information packages."""

from formats.package.recognition import arrange, formats, recognise

__all__ = ["arrange", "formats", "recognise"]
