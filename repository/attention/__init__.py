"""What needs somebody, and how they are told of it."""
