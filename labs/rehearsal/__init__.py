"""`make rehearse`: the life of a release in three accounts and two regions, on one engine (docs/release.md)."""
