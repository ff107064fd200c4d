"""The command-line programs: `bin/ops` (on-call, local platform, labs) and `bin/release` (releases).

They parse options, call the other packages, and print. Only tests/ and e2e/ may import it; it may import all packages.
Start with ops.py and release.py.
"""
