"""The command-line programs: `bin/ops` (on-call, local platform, labs) and `bin/release` (releases).

They parse options, call the other rooms, and print. Only tests/ and e2e/ may import this room; it may import them all.
Start with ops.py and release.py.
"""
