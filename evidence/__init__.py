"""The evidence pack: what the tests recorded about a release, as one HTML file for the person who approves it.

Imports release/ and tooling/; used by the command-line programs, labs/ and e2e/.
Start with stages.py, the records; page.py renders them and pack.py writes the file.
"""
