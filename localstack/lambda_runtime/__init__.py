"""Runs functions with AWS's runtime client (awslambdaric), where LocalStack runs without Docker.

LocalStack loads process_executor.py as a plugin; nothing else imports these modules.
Start with runtime_api.py.
"""
