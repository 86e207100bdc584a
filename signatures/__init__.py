"""Signatures and evidence (opened by a later issue)."""
