"""The evidence pack: one HTML file that answers what was tested and what the customer will get (docs/evidence.md)."""
