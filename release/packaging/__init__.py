"""Builds one zip for each function, the same bytes on every machine, and the SBOM.

Used by the rest of release/, localstack/ and labs/; imports tooling/ only.
Start with build.py.
"""
