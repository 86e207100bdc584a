"""OCFL 1.1: inventories, layouts, and checking of objects and storage roots."""
