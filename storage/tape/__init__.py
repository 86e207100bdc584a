"""Tape: cartridges in a library, over plain SCSI commands. Sequential media, append only; docs/on-disk.md has the format.

SCSI lives here and nowhere else. Upwards from the wire: `transport` (and its ways `sg`, `iscsi`), `sense`, `device`, `changer`,
`drive`; then what Kho writes: `labels`, `bundles`, `volumes`; then the tier.
"""
