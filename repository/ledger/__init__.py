"""What happened, provable to others: events, days with signed heads, their keeping on the tiers, and the verifier that stands alone."""
