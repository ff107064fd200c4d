"""Runs functions: with AWS's runtime client where LocalStack has no Lambda image, and from a working tree on MiniStack.

The engines load these modules, each in its own environment: LocalStack process_executor.py as a plugin or
container_init.py, MiniStack tree.py or debugged.py. Start with runtime_api.py, and with tree.py.
"""
