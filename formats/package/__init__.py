"""Packages as they are received and handed out: folders, archives (zip, tar), BagIt bags, E-ARK information packages."""
