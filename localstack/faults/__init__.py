"""The fault proxy between functions and engine: delays, fails or repeats calls by a plan that can be replayed.

localstack/up.py starts proxy.py; labs/chaos/ controls it through control.py.
Start with plan.py: which call gets which fault.
"""
