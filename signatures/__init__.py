"""Signatures that outlive their certificates: detection, validation, time-stamps, evidence.

Import the module you need (`signatures.reading`, `signatures.judgement`, `signatures.timestamps` …): each brings pyHanko or cryptography
along, which a command that has nothing to do with signatures need not wait for.
"""
