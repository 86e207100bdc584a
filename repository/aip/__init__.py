"""What an AIP is made of: what is sealed into a version, and what a stored one says of itself."""
