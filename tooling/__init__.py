"""What every tool shares: paths, typed command lines, commands with a deadline, polling, agreed limits.

Anything but functions/ and common/ may import it; it imports nothing of ours.
Start with cli.py: how a command reports an error that people can fix.
"""
