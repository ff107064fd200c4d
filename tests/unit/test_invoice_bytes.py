"""The same order is the same invoice, byte for byte, whatever its process has drawn before."""

import json
import subprocess
import sys

from tooling.paths import ROOT

SCRIPT = """
import hashlib, json, sys
from common.invoice import render_invoice
from common.templates import only_packaged
from localstack.preview.samples import orders
with only_packaged():
    digests = [hashlib.sha256(render_invoice(orders()[name])).hexdigest() for name in sys.argv[1:]]
print(json.dumps(digests))
"""


def _digests(*samples: str) -> list[str]:
    """Of invoices drawn one after the other in a process of their own."""
    command = [sys.executable, "-c", f"import tests.support.environment\n{SCRIPT}", *samples]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    digests: list[str] = json.loads(done.stdout)
    return digests


def test_what_was_drawn_before_shows_in_no_invoice() -> None:
    first, second = _digests("campaign", "scripts", "campaign"), _digests("scripts", "campaign")
    assert first[0] == first[2] == second[1]
    assert first[1] == second[0] != first[0]
