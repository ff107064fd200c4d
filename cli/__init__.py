"""The command-line programs: `bin/ops` (on-call, local platform, labs) and `bin/release` (releases).

They parse options, call the other rooms, and print. Only tests/ and e2e/ may import this room; it may import them all.
Start with ops.py and release.py.
"""

import os
import sys

# bin/ finds the rooms by PYTHONPATH. What the programs start must not inherit it.
os.environ.pop("PYTHONPATH", None)
# Compiled libraries are kept, whatever the shell says: hundreds of processes start from them.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# Terraform and its provider are Go: 100 MB more memory for a quarter less computing.
os.environ.setdefault("GOGC", "400")
