"""Where copies are kept: tiers that hold OCFL storage roots (disk, later object storage) and, later, tape volumes."""
