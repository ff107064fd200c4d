"""Conformance suite: each use of AWS by the service, tested on every engine against AWS's documentation."""
