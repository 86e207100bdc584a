"""Associated signature containers (ETSI EN 319 162-1): `manifest` says what is covered, `container` what that is worth."""
