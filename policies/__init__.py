"""Promises and judgement, as pure data: what a finding means, what the archive promises, when a deposit is accepted.

Nothing here reads a clock, a file (but Kho's own registers) or a network; nothing here imports another Kho package.
"""
