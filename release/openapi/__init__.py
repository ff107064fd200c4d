"""The API document: openapi.json from the code, and api.md from openapi.json.

Commands and tests may import it. Start with document.py.
"""
