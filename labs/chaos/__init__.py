"""Faults between the functions and what they call, a load under them, and an auditor of the promises.

`docs/promises.md` says what is promised; `make chaos` checks it.
"""
