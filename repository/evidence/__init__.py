"""Evidence of what is kept: batches of records under time stamps, their renewal, and proofs that stand without Kho."""
