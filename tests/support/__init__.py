"""Helpers of several tests: the functions' environment, sample orders, small functions and releases.

Only tests/ imports it.
Start with samples.py.
"""
