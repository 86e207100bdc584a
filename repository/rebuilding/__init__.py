"""The catalog made again from what the tiers hold, believing no tier by itself."""
