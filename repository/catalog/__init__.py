"""The catalog: an index of what the tiers hold. It can be rebuilt from them."""
