"""The states of a debugged function: the engine reports them, and `bin/ops stack debug` waits for them.

A function that does not run is in another state: the text that says why.
Imported by the engine too, so this module needs the standard library alone.
"""

from typing import Final

STARTS: Final = "starts"
WAITS: Final = "waits"
ATTACHED: Final = "attached"
# No function is debugged.
ENDED: Final = "the engine has ended it"
