"""`make load`: the API under a rising rate, up to where it breaks (docs/load.md)."""
