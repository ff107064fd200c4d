"""The same order has the same invoice, byte for byte."""

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
    """Digests of invoices rendered one after the other in a new process."""
    command = [sys.executable, "-c", f"import tests.support.environment\n{SCRIPT}", *samples]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    digests: list[str] = json.loads(done.stdout)
    return digests


def test_invoice_bytes_do_not_depend_on_others() -> None:
    """The bytes of an invoice do not depend on invoices rendered before."""
    first, second = _digests("campaign", "scripts", "campaign"), _digests("scripts", "campaign")
    assert first[0] == first[2] == second[1]
    assert first[1] == second[0] != first[0]
