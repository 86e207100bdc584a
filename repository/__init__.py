"""Flows, catalog, jobs and doors: the composition of everything below."""
