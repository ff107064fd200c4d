"""The console: a web page on this machine that shows the local stack; only its redrive button changes anything.

Run by localstack.up; imported by no package. Start with app.py, the pages; live.py reads the stack.
"""
