"""Signatures of an archive's records: examined when they come in, kept with what proves them, validated as of any date.

`signatures` judges; this package knows archives: whose anchors, which AIP, where reports and validation data lie.
"""
