"""The API document: openapi.json from the code, api.md from openapi.json, and a check of responses against it.

Commands and tests may import it. Start with document.py.
"""
