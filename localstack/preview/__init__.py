"""Previews: every template with sample orders, as customers see it, without AWS.

Run by `make preview`; labs/ and tests use the samples. Start with render.py; book.py writes the pages.
"""
