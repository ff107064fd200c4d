"""Runs functions with AWS's runtime client (awslambdaric), where LocalStack runs without Docker or in a stand-in image.

LocalStack loads process_executor.py as a plugin, or runs container_init.py; nothing else imports these modules.
Start with runtime_api.py.
"""
