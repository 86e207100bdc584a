"""Evidence records (RFC 4998, RFC 6283): building, renewing and verifying the proof that objects existed at a time."""

from signatures.evidence.asn1 import write_record, write_stamp
from signatures.evidence.lineage import Generation, Lineage, Renewal, renewal_of, renewal_tree, renewal_values
from signatures.evidence.objects import ObjectDigests, data_object, object_of_bytes
from signatures.evidence.reading import read_record
from signatures.evidence.record import EvidenceRecord
from signatures.evidence.tree import Tree, climb, group_hash
from signatures.evidence.verify import DataObject, EvidenceReport, Stamp, ends_of, trusted, verify_record

__all__ = [
    "DataObject",
    "EvidenceRecord",
    "EvidenceReport",
    "Generation",
    "Lineage",
    "ObjectDigests",
    "Renewal",
    "Stamp",
    "Tree",
    "climb",
    "data_object",
    "ends_of",
    "group_hash",
    "object_of_bytes",
    "read_record",
    "renewal_of",
    "renewal_tree",
    "renewal_values",
    "trusted",
    "verify_record",
    "write_record",
    "write_stamp",
]
