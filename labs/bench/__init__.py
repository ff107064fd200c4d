"""`make bench`: what the platform costs beside the least that it could (docs/performance.md)."""
