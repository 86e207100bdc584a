"""Whom an archive trusts and until when algorithms hold: the operator's data, read when a signature is to be judged."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from policies.phrases import phrase
from policies.trust import Algorithms, default_algorithms, parse_algorithms
from repository.archive import Archive
from repository.errors import SourceMissing
from repository.settings.authorities import ANCHORS

if TYPE_CHECKING:
    from signatures.judgement import Context
    from signatures.validation_data import Collector

__all__ = ["ANCHORS", "algorithms_of", "collector_of", "context_of"]


def context_of(
    archive: Archive | None, at: datetime, *, anchors: Path | None = None, algorithms: Algorithms | None = None
) -> Context:
    """By what signatures are judged as of ``at``. ``anchors`` stands in for the archive's own folder, ``algorithms`` for its end dates.

    Raises `AnchorsUnusable` (also where ``anchors`` is a file), `AlgorithmsError`, and `SourceMissing` when it is named and not there.
    """
    from signatures.anchors import Anchors, load_anchors
    from signatures.errors import AnchorsUnusable
    from signatures.judgement import Context

    folder = anchors or (archive.settings.home / ANCHORS if archive else None)
    if anchors is not None and not anchors.exists():
        raise SourceMissing(str(anchors))
    if anchors is not None and not anchors.is_dir():
        raise AnchorsUnusable(str(anchors), phrase("is-no-folder", path=str(anchors)))
    trusted = load_anchors(folder) if folder is not None else Anchors()
    return Context(trusted, algorithms or algorithms_of(archive), at)


def algorithms_of(archive: Archive | None) -> Algorithms:
    """The end dates that the policy names, else those shipped."""
    named = archive.policy.evidence.algorithms if archive else ""
    if archive is None or not named:
        return default_algorithms()
    file = archive.settings.home / named
    try:
        return parse_algorithms(file.read_bytes(), name=named)
    except OSError as error:
        raise SourceMissing(str(file)) from error


def collector_of(archive: Archive, context: Context) -> Collector | None:
    """What asks for certificates and revocation data; None when the policy wants nothing asked, or nobody is trusted yet."""
    if not archive.policy.signatures.collect or not context.anchors:
        return None
    from signatures.fetch import Fetcher
    from signatures.validation_data import Collector

    network = archive.settings.network
    return Collector(Fetcher(patience=PATIENCE, proxy=network.proxy, private=network.private), context.anchors)


PATIENCE = 20.0
"""Seconds for one answer while a deposit waits; the worker tries again what did not come."""
