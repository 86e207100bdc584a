"""What can be said of all copies, now and over a period: figures, proof, charts and pages."""
