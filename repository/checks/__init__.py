"""Whether copies are what they were: checks, looks, comparison with what tiers hold, canaries, and whether the rhythm can be kept."""
