"""One zip for each function, the same bytes on every machine, and its SBOM.

Used by the rest of release/, localstack/ and labs/; imports tooling/ only.
Start with build.py.
"""
