"""Copies of sealed versions: made on every tier, moved, repaired."""
