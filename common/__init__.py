"""The order: its rules, and its adapters to AWS and the Cart service. Knows no Lambda event and no HTTP status.

Imports nothing else of this repository; everything may import it. Start with order.py, then pricing.py and events.py.
"""
