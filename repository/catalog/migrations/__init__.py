"""Migrations of the catalog, one module a revision; released ones are never changed."""
