"""Builds releases and takes them from dev to prod: packages, manifest, evidence, plans, traffic, rollback.

Used by the command-line programs, evidence/, ops/, localstack/ and labs/; imports functions/, common/ and tooling/.
Start with docs/release.md; packaging/build.py builds, manifest.py describes, deploy.py applies, traffic.py shifts.
"""
