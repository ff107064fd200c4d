"""Applies the Terraform code to an engine without the parts that it lacks, and plans again.

`python -m tests.conformance.apply localstack-host` starts the engine, applies, plans and stores the result for
docs/parity.md.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from localstack import packages, terraform
from localstack.stack import ACCOUNT, REGION, SIGNATURE, Stack, StackError
from tests.conformance import engines, parity
from tests.conformance.differences import DRIFT
from tests.conformance.engines import Engine
from tooling.paths import ROOT

_DEADLINE_SECONDS = 900
# Independent parts of the configuration, by the feature that an engine needs for them.
_PARTS: dict[str, list[str]] = {
    "": [
        "module.queue",
        "module.events",
        "module.alerts",
        "module.orders_bucket",
        "module.templates_bucket",
        "module.mail",
        "module.monitoring",
        # The routes of the API need their functions.
        *(
            f"module.api.aws_api_gateway_{of}"
            for of in ("authorizer.users", "gateway_response.problem", "account.this")
        ),
        "module.api.aws_cloudwatch_log_group.access",
    ],
    "DynamoDB": ["module.orders_table", "module.idempotency_table"],
    "Cognito": ["module.users"],
    "Lambda": ["module.function", "aws_lambda_event_source_mapping.this", "module.api"],
}


class _Terraform:
    """Terraform against an engine, with its state in a folder."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._code = folder / "code"
        ignored = shutil.ignore_patterns(".terraform", "bootstrap", "tests")
        shutil.copytree(terraform.TERRAFORM_DIR, self._code, ignore=ignored)
        (self._code / "backend_override.tf").write_text('terraform {\n  backend "local" {}\n}\n')
        self._environment = terraform.environment(folder) | {
            "AWS_ENDPOINT_URL": engine.endpoint or "",
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": SIGNATURE,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        stack = Stack(folder, engine=engine.name)
        self._variables = [
            "-var-file=env/local.tfvars",
            *packages.variables(stack),
            f"-var=packages_dir={packages.package(stack, 'get_order').parent}",
            f"-var=templates_dir={ROOT / 'templates'}",
            f"-var=authorizer={'issuer' if engine.issuer else 'cognito'}",
        ]
        parts = [part for needs, found in _PARTS.items() if needs not in engine.lacks for part in found]
        self._targets = [f"-target={part}" for part in parts]

    def run(self, *arguments: str) -> str:
        """Run a command and return what it printed.

        Raises:
            StackError: it failed.
        """
        done = subprocess.run(
            ["terraform", f"-chdir={self._code}", *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_DEADLINE_SECONDS,
        )
        print(done.stdout, flush=True)
        if done.returncode:
            raise StackError(f"terraform {arguments[0]} failed:\n{done.stderr}")
        return done.stdout

    def apply(self) -> list[str]:
        """Apply what the engine has all of, and return the addresses of what was made."""
        self.run("init", "-lockfile=readonly", "-no-color")
        self.run("apply", "-auto-approve", "-no-color", "-parallelism=40", *self._variables, *self._targets)
        return self.run("state", "list").split()

    def changes(self) -> set[str]:
        """What a second plan would change: types of resources, each with the attribute, or with what happens to it."""
        plan = str(self._code.parent / "second.tfplan")
        self.run("plan", "-no-color", "-parallelism=40", f"-out={plan}", *self._variables, *self._targets)
        found = json.loads(self.run("show", "-json", plan)).get("resource_changes", [])
        changed = [of for of in found if of["change"]["actions"] not in (["no-op"], ["read"])]
        return {f"{of['type']}.{what}" for of in changed for what in _changed(of["change"])}


def _changed(change: dict[str, Any]) -> list[str]:
    """The attributes that an update changes, or the action if it is no update."""
    if change["actions"] != ["update"]:
        return ["+".join(change["actions"])]
    before, after, unknown = change["before"], change["after"], change["after_unknown"]
    names = {*before, *after, *unknown}
    return [name for name in names if before.get(name) != after.get(name) or unknown.get(name)]


def main() -> int:
    """Apply on the engine that is named; fails on a change that is not a known gap, and on a gap that is fixed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=engines.ENGINES)
    name = parser.parse_args().engine
    packages.build_all(Stack(Path(), engine=name))
    with tempfile.TemporaryDirectory(prefix="apply-") as folder:
        path = Path(folder)
        with engines.ENGINES[name](path / "engine") as engine:
            of = _Terraform(engine, path)
            made, changed = of.apply(), of.changes()
    known = DRIFT.get(name, {})
    counts = Counter(next(part for part in address.split(".") if part.startswith("aws_")) for address in made)
    print(f"{name}: {len(made)} resources made; kinds of drift in a second plan: {len(changed)}", flush=True)
    for what in sorted(changed):
        print(f"  {what}: {known.get(what, 'not a known gap')}")
    if changed != set(known):
        gone = sorted(set(known) - changed)
        print(f"conformance/differences.py, DRIFT of {name}: no longer found: {gone}", file=sys.stderr)
        return 1
    parity.note_applied(name, dict(sorted(counts.items())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
