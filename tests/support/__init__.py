"""What several tests share: environment and events of functions, sample orders, small functions, user pools, releases.

Only tests/ and e2e/ import it.
Start with samples.py.
"""
