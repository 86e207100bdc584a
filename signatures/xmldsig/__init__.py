"""XML signatures (W3C XML-DSig 1.1): canonical forms, references, values. What XAdES, OOXML, ODF and containers stand on.

Import the module you need: `signatures.xmldsig.signature` reads one signature, `signatures.xmldsig.document` the file it stands in.
"""
