"""Builds releases and takes them from dev to prod: packages, manifest, evidence, plans, traffic, rollback.

Used by cli/, evidence/, localstack/, labs/ and the tests; imports functions/, common/ and tooling/.
Start with docs/release.md; packaging/build.py builds, manifest.py describes, deploy.py applies, traffic.py shifts.
"""
