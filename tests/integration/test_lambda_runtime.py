"""The invoice's package in AWS's own runtime client: what libraries log is structured, and quotes no customer."""

import json
import os
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from localstack.lambda_runtime.runtime_api import Environment, Function
from release.packaging import build
from tooling import machine
from tooling.paths import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="awslambdaric has no wheels for other systems")

LETTER = "\N{CJK UNIFIED IDEOGRAPH-5317}"
HANDLER = """
from common.invoice import render_pdf
from common.observability import logger

def handler(event, context):
    render_pdf(f"<html lang=en><title>Invoice</title><p>{event}")
    logger.info("rendered")
    return len(event)
"""


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Environment]:
    """The package of the invoice function with another handler, in an execution environment."""
    machine.install("runtime")
    build.build_all()
    with zipfile.ZipFile(build.PACKAGES / "order_pdf_creator.zip") as package:
        package.extractall(tmp_path)
    (tmp_path / "warns.py").write_text(HANDLER)
    variables = {
        "PATH": os.environ["PATH"],
        "NO_PROXY": "*",
        "LAMBDA_TASK_ROOT": str(tmp_path),
        "_HANDLER": "warns.handler",
        "AWS_LAMBDA_FUNCTION_NAME": "invoice",
        "POWERTOOLS_SERVICE_NAME": "order-lambda",
        "POWERTOOLS_METRICS_NAMESPACE": "OrderService",
        "AWS_REGION": "af-south-1",
    }
    python = machine.TOOL_VENVS["runtime"] / "bin" / "python"
    bootstrap = ROOT / "localstack" / "lambda_runtime" / "bootstrap.py"
    made = Environment(Function([str(python), str(bootstrap)], variables, str(tmp_path), 60, 512, "1"))
    made.start()
    yield made
    made.stop()


def test_warning_about_a_letter_is_logged_without_it(environment: Environment) -> None:
    """WeasyPrint's warning about a letter without a font is a structured line, and the letter is in no line."""
    result = environment.invoke("r-1", "arn:aws:lambda:af-south-1:000000000000:function:f", f'"{LETTER}"'.encode(), "")
    assert (result.payload, result.is_error) == (b"1", False)
    _, *lines, _, _ = result.log.splitlines()
    warning, own = (json.loads(line) for line in lines)
    assert (warning["message"], warning["library"]) == ("library warning", "weasyprint")
    assert own["message"] == "rendered"
    assert LETTER not in result.log
    assert "5317" not in result.log
