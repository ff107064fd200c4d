"""`make bench`: measures the platform and compares it with the least that a task can cost (docs/performance.md)."""
