"""What on-call runs: alarms, queues, DLQs, saved log queries, restores.

May be imported by the command-line programs, localstack/, labs/ and the tests; imports tooling/ only.
Start with incident.py, which has one function for each command; docs/runbooks/ says when to run which.
"""
