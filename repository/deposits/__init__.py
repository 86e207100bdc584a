"""A deposit, from the first look until it is settled: what is examined, weighed, sealed, and what stays of it."""
