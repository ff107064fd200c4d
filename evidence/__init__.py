"""The evidence pack: what the tests recorded, drawn as one HTML file for the person who approves a promotion.

Used by the command-line programs, labs/ and e2e/; imports release/ and tooling/.
Start with stages.py, the records; page.py renders them.
"""
