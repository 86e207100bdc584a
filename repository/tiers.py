"""From the place of a tier to the tier itself, by its kind. What only one kind needs is imported only where there is such a tier."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from repository.settings.places import TierPlace
from storage.ocfl.tier import LocalTier

if TYPE_CHECKING:
    from storage.s3.tier import S3Tier
    from storage.tape.tier import TapeTier

__all__ = ["make_tier", "open_tier", "unmake_tier"]


def open_tier(place: TierPlace, home: Path, *, link_from_spool: bool = False) -> LocalTier | S3Tier | TapeTier:
    """The tier at ``place``. A tier that is not there may be opened: every method then raises Unavailable."""
    if place.s3 is not None:
        from storage.s3.tier import S3Tier

        return S3Tier(place.s3, place.name, identifier=place.uuid or None)
    if place.tape is None:
        return LocalTier(place.path, place.name, identifier=place.uuid or None, link_from_spool=link_from_spool)
    from storage.tape.library import Library, Place
    from storage.tape.tier import TapeTier

    # One lock a library: tiers whose cartridges stand in the same one take turns.
    lock = home / f"tape-{hashlib.sha256(place.tape.changer.encode()).hexdigest()[:12]}.lock"
    library = Library(Place(place.tape.changer, place.tape.drives, lock))
    return TapeTier(
        place.path,
        place.name,
        library,
        identifier=place.uuid or None,
        bundle=place.tape.bundle,
        largest=place.tape.largest_file,
        gather=place.tape.gather,
    )


def make_tier(place: TierPlace) -> str:
    """Make what a tier needs before anything can be kept on it; returns its UUID. Raises AlreadyExists, Unavailable, Unfit."""
    if place.s3 is not None:
        from storage.s3.tier import S3Tier

        return S3Tier.create(place.s3, place.name).identifier
    if place.tape is None:
        return LocalTier.create(place.path, place.name).identifier
    from storage.tape.folder import create_tape_folder

    return create_tape_folder(place.path, place.name)


def unmake_tier(place: TierPlace) -> None:
    """Take back a bucket's tier that `make_tier` has just made. Raises StorageError."""
    if place.s3 is not None:
        from storage.s3.tier import S3Tier

        S3Tier(place.s3, place.name).unmake()
