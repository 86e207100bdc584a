"""XAdES and plain XML signatures. `signatures.xades.reader` reads a document, for every format that has XML signatures inside it;
`signatures.xades.verifier` is the one for XML files."""
