"""The evidence pack: what the tests recorded about a release, as one HTML file for the person who approves it.

Imports release/ and tooling/; used by the command-line programs, labs/ and e2e/.
Start with stages.py, the records; tests/support/evidence_plugin.py makes them, page.py renders them.
"""
