"""Runs functions: with AWS's runtime client where LocalStack runs without Docker, and from a working tree on MiniStack.

The engines load these modules, each in its own virtual environment. Start with runtime_api.py for LocalStack, and with
tree.py for MiniStack.
"""
