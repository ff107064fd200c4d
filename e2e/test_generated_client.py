"""A client that nobody here wrote: generated from the OpenAPI document alone, it places, reads, lists and pays"""

import json
from pathlib import Path
from typing import Any

import pytest

from e2e.tenant import Tenant
from tooling import commands, machine
from tooling.paths import ROOT

pytestmark = [pytest.mark.sidecars]

_VENV = machine.TOOL_VENVS["client"]
_GENERATE_SECONDS, _CALL_SECONDS = 120, 60


@pytest.fixture(scope="module")
def package_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the generated package; a warning of the generator is an error."""
    machine.install("client")
    folder = tmp_path_factory.mktemp("client")
    command = [
        *(str(_VENV / "bin" / "openapi-python-client"), "generate", "--meta=none", "--fail-on-warning"),
        *(f"--path={ROOT / 'docs' / 'openapi.json'}", f"--output-path={folder / 'order_client'}"),
    ]
    # It formats what it makes with the ruff next to it.
    commands.run("the generator", command, _GENERATE_SECONDS, {"PATH": str(_VENV / "bin")}).checked()
    return folder


def test_generated_client_places_and_pays_for_an_order(tenant: Tenant, package_folder: Path) -> None:
    """A client generated from the document places an order, reads it, lists it and pays for it."""

    def run(*arguments: str) -> dict[str, Any]:
        script = [str(_VENV / "bin" / "python"), str(ROOT / "e2e" / "generated_client.py")]
        call = [*script, tenant.platform.api_url, tenant.tokens["IdToken"], *arguments]
        output = commands.run(arguments[0], call, _CALL_SECONDS, {"PYTHONPATH": str(package_folder)}).checked()
        found: dict[str, Any] = json.loads(output)
        return found

    order_id = run("place", json.dumps(tenant.body()))["orderId"]
    number = tenant.recorded(order_id)["orderNumber"]
    assert run("pay", order_id, tenant.id) == {
        "read": number,
        "listed": [number],
        "status": "PAID",
        "transactionId": "tx-generated-client",
    }
    assert tenant.get(order_id).json()["status"] == "PAID"
