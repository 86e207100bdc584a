"""Evidence records (RFC 4998): building, renewing and verifying the proof that objects existed at a time."""

from signatures.evidence.lineage import Generation, Lineage, Renewal, renewal_of, renewal_tree, renewal_values
from signatures.evidence.record import EvidenceRecord, read_record, write_record, write_stamp
from signatures.evidence.tree import Tree, climb, group_hash
from signatures.evidence.verify import DataObject, EvidenceReport, Stamp, ends_of, verify_record

__all__ = [
    "DataObject",
    "EvidenceRecord",
    "EvidenceReport",
    "Generation",
    "Lineage",
    "Renewal",
    "Stamp",
    "Tree",
    "climb",
    "ends_of",
    "group_hash",
    "read_record",
    "renewal_of",
    "renewal_tree",
    "renewal_values",
    "verify_record",
    "write_record",
    "write_stamp",
]
