"""The errors of the flows.

RepositoryError
├── UnknownDeposit, UnknownAip, UnknownTier   no such id or name
├── UnknownVersion                the AIP has no version of that number
├── SourceMissing                 nothing readable is where the deposit came from
├── SourceArchive                 the archive itself lies in what is to be deposited
├── WrongState                    the deposit is not in a state in which this can be done
├── KeyReused                     the same key came with other bytes
├── Overtaken                     another update of the same AIP came first
├── AipUnreadable                 an AIP's own records could not be understood
├── SpoolDamaged                  the spool does not hold what was hashed into it
├── NotEnoughCopies               fewer verified copies than the policy promises
├── NoGoodCopy                    no copy holds these bytes unaltered
│   └── NotReached                every tier that could hold them could not be asked: nothing is known of them
├── BeingBrought                  the bytes lie where they have to be brought from, and were asked for
├── LedgerChanged                 the catalog no longer holds what a closed day of the ledger was made of
├── NoSigningKey                  kho.toml names no key by which documents are signed
├── NoDays                        no closed day of the ledger is there to be handed out
├── NotInLedger                   no closed day of the ledger holds this event
├── NoPath, NoCampaign            no migration path or campaign of that name
├── NotASource                    the migration path does not lead from that format
├── OtherCampaign, CampaignEnded  it cannot be gone on with: it goes along another path, or is done
├── NotTakenBack                  the campaign is none of migrations
├── AccessPath                    the path makes access copies, which do not belong into an AIP
├── NoPreview                     no picture can be made of a file
├── NotForZip                     a zip cannot carry a name of the AIP
└── ExportFailed                  the target of an export is not usable
"""

from __future__ import annotations

from policies.findings import KhoError

__all__ = [
    "AccessPath",
    "AipUnreadable",
    "BeingBrought",
    "CampaignEnded",
    "ExportFailed",
    "KeyReused",
    "LedgerChanged",
    "LedgerClock",
    "NoCampaign",
    "NoDays",
    "NoGoodCopy",
    "NoPath",
    "NoPreview",
    "NoSigningKey",
    "NotASource",
    "NotEnoughCopies",
    "NotForZip",
    "NotInLedger",
    "NotReached",
    "NotTakenBack",
    "OtherCampaign",
    "Overtaken",
    "RepositoryError",
    "SourceArchive",
    "SourceMissing",
    "SpoolDamaged",
    "UnknownAip",
    "UnknownDeposit",
    "UnknownTier",
    "UnknownVersion",
    "WrongState",
]


class RepositoryError(KhoError):
    """The base of this package's errors."""


class UnknownDeposit(RepositoryError):
    def __init__(self, deposit_id: str) -> None:
        super().__init__("DEP-UNKNOWN", deposit_id)


class UnknownAip(RepositoryError):
    def __init__(self, aip_id: str) -> None:
        super().__init__("AIP-UNKNOWN", aip_id)


class UnknownTier(RepositoryError):
    def __init__(self, name: str, known: str) -> None:
        super().__init__("TIER-UNKNOWN", name, known=known or "–")


class TierKept(RepositoryError):
    def __init__(self, name: str, reason: str) -> None:
        super().__init__("TIER-KEPT", name, reason=reason)


class NotABucket(RepositoryError):
    def __init__(self, name: str, buckets: str) -> None:
        super().__init__("TIER-NOT-BUCKET", name, buckets=buckets or "–")


class UnknownCollection(RepositoryError):
    def __init__(self, name: str, known: str) -> None:
        super().__init__("RPT-COLLECTION", name, known=known)


class UnknownVersion(RepositoryError):
    def __init__(self, aip_id: str, version: int, head: int) -> None:
        super().__init__("AIP-NO-VERSION", aip_id, version=version, head=head)


class WrongState(RepositoryError):
    def __init__(self, deposit_id: str, state: str) -> None:
        super().__init__("DEP-WRONG-STATE", deposit_id, state=state)


class SourceMissing(RepositoryError):
    def __init__(self, path: str) -> None:
        super().__init__("DEP-SOURCE-MISSING", path)


class SourceArchive(RepositoryError):
    def __init__(self, path: str, folder: str) -> None:
        super().__init__("DEP-SOURCE-ARCHIVE", path, folder=folder)


class KeyReused(RepositoryError):
    def __init__(self, key: str, deposit_id: str) -> None:
        super().__init__("DEP-KEY-REUSED", key, deposit=deposit_id)


class Overtaken(RepositoryError):
    def __init__(self, aip_id: str) -> None:
        super().__init__("DEP-OVERTAKEN", aip_id)


class AipUnreadable(RepositoryError):
    def __init__(self, path: str, reason: str) -> None:
        super().__init__("AIP-UNREADABLE", path, reason=reason)


class SpoolDamaged(RepositoryError):
    def __init__(self, path: str) -> None:
        super().__init__("DEP-SPOOL-DAMAGED", path)


class NotEnoughCopies(RepositoryError):
    def __init__(self, aip_id: str, good: int, need: int, reason: str) -> None:
        super().__init__("AIP-NOT-ENOUGH-COPIES", aip_id, good=good, need=need, reason=reason)


class NoGoodCopy(RepositoryError):
    CODE = "AIP-NO-GOOD-COPY"

    def __init__(self, path: str, aip_id: str, reason: str) -> None:
        super().__init__(self.CODE, path, aip=aip_id, reason=reason)


class NotReached(NoGoodCopy):
    CODE = "AIP-NOT-REACHED"


class BeingBrought(RepositoryError):
    def __init__(self, path: str, aip_id: str, tiers: str) -> None:
        super().__init__("AIP-BEING-BROUGHT", path, aip=aip_id, tiers=tiers)


class NoPath(RepositoryError):
    def __init__(self, name: str, known: str) -> None:
        super().__init__("MIG-NO-PATH", name, known=known)


class AccessPath(RepositoryError):
    def __init__(self, name: str) -> None:
        super().__init__("MIG-ACCESS-PATH", name)


class NotASource(RepositoryError):
    def __init__(self, path: str, puids: str, known: str) -> None:
        super().__init__("MIG-NOT-A-SOURCE", path, puids=puids, known=known)


class NoPreview(RepositoryError):
    def __init__(self, path: str, reason: str) -> None:
        super().__init__("MIG-NO-PREVIEW", path, reason=reason)


class NoCampaign(RepositoryError):
    def __init__(self, campaign: str) -> None:
        super().__init__("MIG-NO-CAMPAIGN", campaign)


class OtherCampaign(RepositoryError):
    def __init__(self, campaign: str, way: str, wanted: str) -> None:
        super().__init__("MIG-OTHER-CAMPAIGN", campaign, way=way, wanted=wanted)


class CampaignEnded(RepositoryError):
    def __init__(self, campaign: str) -> None:
        super().__init__("MIG-CAMPAIGN-ENDED", campaign)


class NotTakenBack(RepositoryError):
    def __init__(self, campaign: str) -> None:
        super().__init__("MIG-NO-ROLLBACK", campaign)


class ExportFailed(RepositoryError):
    def __init__(self, path: str, reason: str) -> None:
        super().__init__("AIP-EXPORT-FAILED", path, reason=reason)


class NotForZip(RepositoryError):
    def __init__(self, path: str) -> None:
        super().__init__("AIP-NOT-FOR-ZIP", path)


class LedgerChanged(RepositoryError):
    def __init__(self, number: int, day: str) -> None:
        super().__init__("LED-CHANGED", day, number=number)


class LedgerBehind(RepositoryError):
    """A tier holds a closed day that the catalog does not know."""

    def __init__(self, number: int, tier: str) -> None:
        super().__init__("LED-BEHIND", str(number), tier=tier)


class NoDays(RepositoryError):
    def __init__(self) -> None:
        super().__init__("LED-NO-DAYS")


class LedgerClock(RepositoryError):
    """By the clock it is before the last day of the ledger was closed."""

    def __init__(self, now: str, closed: str) -> None:
        super().__init__("LED-CLOCK", now=now, closed=closed)


class NotInLedger(RepositoryError):
    def __init__(self, event_id: str) -> None:
        super().__init__("LED-NOT-THERE", event_id)


class NoSigningKey(RepositoryError):
    def __init__(self, file: str) -> None:
        super().__init__("RPT-NO-KEY", file)
