"""Floors: functions beside the stack's own that make one call to AWS and nothing else.

`beside` puts them there; each other module is the source of one, and is packed with `common/clients.py`, so that it
calls AWS as the function does that it stands beside.
"""
