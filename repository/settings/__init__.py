"""What kho.toml says: where the archive is, its tiers, its keys and authorities, who is told."""
