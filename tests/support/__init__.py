"""What several tests share: the functions' environment, sample orders, small functions, user pools and releases.

Only tests/ imports it.
Start with samples.py.
"""
