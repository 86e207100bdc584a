"""What file system a path lies on, from /proc/self/mountinfo (proc(5))."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

__all__ = ["LocalDisk", "disk_of"]

_REMOTE = frozenset(
    {"nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "ncpfs", "afs", "coda", "9p", "ceph", "glusterfs", "lustre", "gpfs"}
    | {"beegfs", "orangefs", "pvfs2", "ocfs2", "gfs2", "davfs", "virtiofs", "vboxsf", "prl_fs", "vmhgfs"}
)
"""File systems whose locks another machine, or nobody, keeps."""

_LOCAL_FUSE = frozenset({"fuse.fuse-overlayfs"})
"""FUSE file systems known to be local; any other (sshfs, s3fs, rclone …) is taken for a network one. fuseblk is a local disk."""

_ESCAPE = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class LocalDisk:
    """One mounted file system."""

    mount: str
    type: str

    @property
    def remote(self) -> bool:
        """Whether it is, or may be, a network file system."""
        fuse = self.type == "fuse" or self.type.startswith("fuse.")
        return self.type in _REMOTE or (fuse and self.type not in _LOCAL_FUSE)


def _mounts(table: str) -> list[LocalDisk]:
    with open(table, encoding="utf-8", errors="surrogateescape") as lines:
        parts = [line.split(" - ", 1) for line in lines if " - " in line]
    found = []
    for left, right in parts:
        mount = _ESCAPE.sub(lambda match: chr(int(match[1], 8)), left.split(" ")[4])
        found.append(LocalDisk(mount, right.split(" ")[0]))
    return found


def disk_of(path: str | os.PathLike[str], *, mounts: str = "/proc/self/mountinfo") -> LocalDisk | None:
    """The file system of ``path``, which need not exist yet; None where the system does not tell (no Linux /proc)."""
    real = os.path.realpath(path)
    try:
        table = _mounts(mounts)
    except OSError:
        return None
    best: LocalDisk | None = None
    for disk in table:
        inside = real == disk.mount or real.startswith(disk.mount.rstrip("/") + "/")
        # Of two mounts on one point the later hides the earlier, hence >=.
        if inside and (best is None or len(disk.mount) >= len(best.mount)):
            best = disk
    return best
