"""The services of the engine: what may be asked of an archive, noun by noun."""
