"""What the person on call runs: alarms, queues, DLQs, saved log queries, restores.

Used by the command-line programs, localstack/ and the tests; imports release/ and tooling/.
Start with incident.py; docs/runbooks/ says when to run what.
"""
