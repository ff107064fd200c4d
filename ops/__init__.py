"""What on-call runs: alarms, queues, DLQs, saved log queries, restores.

May be imported by the command-line programs, localstack/, labs/ and the tests; imports tooling/ and common/.
Start with queues.py; cli/ops.py has the commands, and docs/runbooks/ says when to run which.
"""
