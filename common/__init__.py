"""The order: its rules, and its adapters to AWS and the Cart service. Contains no Lambda events and no HTTP statuses.

Imports nothing else of this repository; everything may import it. Start with order.py, then pricing.py and events.py.
"""
