"""`python -m labs.rehearsal`: the steps, and the table at their end."""

import os
import platform
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from rich.table import Table

from labs.rehearsal.accounts import REPOSITORY, Accounts
from labs.rehearsal.commands import Commands, Done
from labs.rehearsal.customer import Customer
from localstack import processes, tls
from localstack import stack as stacks
from localstack.engines.ministack import MiniStack
from localstack.stack import ADVICE, Stack, StackError
from localstack.up import console, down, shown, start_cart_stub
from release import history, manifest, traffic
from release.environments import ENVIRONMENTS, EnvironmentName
from release.store import Store
from tooling import docker, runbooks
from tooling.cli import run_cli
from tooling.paths import ROOT

FOLDER = ROOT / "build" / "rehearsal"
RELEASE = ROOT / "build" / "release"
TECH_LEAD = "tech-lead=Thandi"
BOTH = f"{TECH_LEAD} business-owner=Sipho"
CANARY_SECONDS = 120
# Of the second release: all of them ran on the first, and these see what was changed.
SOME_TESTS = "order_flow or reachable or locking"
# Fails only where real orders are, so that nothing but a canary finds it; and comes with a template of its own.
SABOTAGE = """

_sound = lambda_handler


def lambda_handler(event: dict[str, Any], context: Any) -> Any:
    if os.environ["ORDERS_TABLE"].endswith("-prod") and event["path"] != "/":
        raise RuntimeError("sabotaged")
    return _sound(event, context)
"""
SABOTAGED_TEMPLATE = "customer/order_confirmation.html"


class Row(NamedTuple):
    """A line of the table."""

    stage: str
    release: str
    tested: str
    approved: str
    seconds: float


class Rehearsal:
    """The life of a release.

    Args:
        stack: the engine, running.
        commands: to run.
    """

    def __init__(self, stack: Stack, commands: Commands) -> None:
        self._stack = stack
        self._accounts = Accounts(stack)
        self._commands = commands
        self.rows: list[Row] = []

    def _add(self, stage: str, release: str, tested: str, approved: str, started: float) -> None:
        self.rows.append(Row(stage, release[:12], tested, approved, time.monotonic() - started))

    def _follow(self, name: str, page: str, heading: str, environment: Mapping[str, str], **variables: str) -> Done:
        return self._commands.follow(name, page, heading, environment, **variables)

    def build(self, folder: Path, tree: Path = ROOT) -> str:
        """Make a release of a tree and return its digest."""
        started = time.monotonic()
        architecture = {"aarch64": "arm64", "AMD64": "x86_64"}.get(platform.machine(), platform.machine())
        pango = [] if docker.answers() else ["--host-pango"]
        arguments = ("make", "--architecture", architecture, "--folder", str(folder), *pango)
        if tree == ROOT:
            chosen = {"ARCHITECTURE": architecture, **({"HOST_PANGO": "1"} if pango else {})}
            self._follow(f"build {folder.name}", "deployment", "Make a release", os.environ, **chosen)
        else:
            self._commands.release(f"build {folder.name}", *arguments, environment=os.environ, cwd=tree)
        digest = manifest.read(folder / manifest.NAME).digest()
        self._add(f"build {folder.name}", digest, "packages import alone, budgets", "", started)
        return digest

    def _evidence(self, digest: str) -> dict[str, str]:
        """Where the evidence of a release is, apart from that of another which is tested at the same time."""
        return {"EVIDENCE": str(FOLDER / "evidence" / digest[:12])}

    def test_locally(self, digest: str) -> None:
        """Run the end-to-end tests on the release's own bytes, on a local stack."""
        started = time.monotonic()
        # Without faults and without tests that need a stack alone, which no environment after this one can have either.
        command = ("make", "--no-print-directory", "e2e-fresh", f"RELEASE_DIR={RELEASE}", "QUICK=1")
        done = self._commands.run(
            "local end-to-end tests", *command, environment={**os.environ, **self._evidence(digest)}
        )
        self._add("local", digest, _passed(done), "", started)

    def make_ready(self) -> None:
        """Bootstrap the accounts, and see that their doors are shut to other jobs."""
        started = time.monotonic()
        self._accounts.bootstrap_all()
        console.print(f"[green]✓[/] bootstrap of three accounts [dim]{time.monotonic() - started:.1f} s[/]")
        for subject in (f"repo:{REPOSITORY}:ref:refs/heads/main", "repo:someone/else:environment:dev"):
            try:
                self._accounts.sign_in("dev", sub=subject)
            except StackError:
                console.print(f"[green]✓[/] {subject}: not let in to dev")
            else:
                raise StackError(f"{subject} was let in to dev")

    def upload(self, folder: Path) -> None:
        """Put a release into DEV's bucket."""
        environment = self._accounts.sign_in("dev")
        name = f"upload {folder.name}"
        if folder == RELEASE:
            self._follow(name, "deployment", "Put a release into dev", environment)
        else:
            self._commands.release(name, "upload", "--folder", str(folder), environment=environment)

    def promote(self, to: EnvironmentName, digest: str, approvals: str) -> None:
        """Promote a release."""
        chosen = {"TARGET": to, "RELEASE": digest, "APPROVALS": approvals}
        credentials = self._accounts.sign_in(to) | self._evidence(digest)
        self._follow(f"promote to {to}", "deployment", "Promote a release", credentials, **chosen)

    def show(self, to: EnvironmentName, digest: str) -> None:
        """Draw what approvers read, with a role that may only read."""
        credentials = self._accounts.sign_in(to, f"{to}-drift") | self._evidence(digest) | self._options()
        chosen = {"TARGET": to, "RELEASE": digest}
        self._follow(f"evidence for {to}", "deployment", "See what is promoted", credentials, **chosen)

    def _options(self) -> dict[str, str]:
        return {"VAR_FILE": str(self._accounts.var_file()), "CANARY_SECONDS": str(CANARY_SECONDS)}

    def _deployment(self, to: EnvironmentName, digest: str) -> tuple[str, ...]:
        options = ("--var-file", str(self._accounts.var_file()), "--seconds", str(CANARY_SECONDS))
        return ("deploy", "--to", to, "--release", digest, *options)

    def deploy(self, to: EnvironmentName, digest: str, approvals: str = "", tests: str = "") -> None:
        """Deploy a release, test it there, and write the evidence.

        Args:
            to: the environment.
            digest: of the release.
            approvals: as they were given, for the table.
            tests: which end-to-end tests, as pytest's -k takes it; all if empty.
        """
        started = time.monotonic()
        credentials = self._accounts.sign_in(to) | self._evidence(digest) | {"TARGET": to, "RELEASE": digest}
        self._follow(f"deploy to {to}", "deployment", "Deploy a release", credentials, **self._options())
        report = str(FOLDER / f"e2e-{to}.xml")
        chosen = {
            "REPORT": report,
            "E2E_CART_URL": self._stack.cart_url,
            **({"ARGS": f"-k '{tests}'"} if tests else {}),
        }
        name = f"end-to-end tests in {to}"
        done = self._follow(name, "deployment", "Prove that the release works", credentials, **chosen)
        credentials = self._accounts.sign_in(to) | self._evidence(digest)
        self._follow(f"record {to}", "deployment", "Write the evidence", credentials, TARGET=to, REPORT=report)
        self._add(to, digest, _passed(done), approvals, started)

    def follow_in_dev(self, folder: Path, digest: str) -> None:
        """Take the next release to dev, with the tests that it is to pass."""
        self.upload(folder)
        self.deploy("dev", digest, tests=SOME_TESTS)

    def follow_in_sit(self, digest: str) -> None:
        """Look at sit as it is left, and take the next release there, with the tests that it is to pass."""
        self.look_for_drift("sit")
        self.look_at_the_day("sit")
        self.promote("sit", digest, TECH_LEAD)
        self.deploy("sit", digest, TECH_LEAD, tests=SOME_TESTS)

    def refuse_to_skip(self, digest: str) -> None:
        """See that no stage is skipped and no approval left out."""
        sit, prod = self._accounts.sign_in("sit"), self._accounts.sign_in("prod")

        def refused(name: str, text: str, to: str, approvals: str) -> None:
            arguments = ("promote", "--to", to, "--release", digest, "--approvals", approvals)
            self._commands.refused(name, text, *arguments, environment=sit if to == "sit" else prod)

        refused("to sit before dev has passed it", "dev has not passed it", "sit", TECH_LEAD)
        refused("to prod past sit", "sit has not passed it", "prod", BOTH)
        refused("to prod with one person for both", "must be two people", "prod", f"{TECH_LEAD} business-owner=Thandi")
        arguments = ("deploy", "--to", "prod", "--release", digest)
        self._commands.refused("a deployment without promotion", "was not promoted", *arguments, environment=prod)

    def refuse_without_approval(self, digest: str) -> None:
        """See that evidence alone is not enough."""
        arguments = ("promote", "--to", "sit", "--release", digest)
        self._commands.refused(
            "to sit without approval",
            "the approval of tech-lead is missing",
            *arguments,
            environment=self._accounts.sign_in("sit"),
        )

    def refuse_changed(self) -> None:
        """See that a changed byte is found, by the file's name."""
        changed = FOLDER / "changed"
        shutil.copytree(RELEASE, changed)
        with (changed / "packages" / "get_order.zip").open("ab") as package:
            package.write(b"\0")
        self._commands.refused(
            "a changed byte",
            "packages/get_order.zip has digest",
            *("upload", "--folder", str(changed)),
            environment=self._accounts.sign_in("dev"),
        )

    def look_for_drift(self, to: EnvironmentName) -> None:
        """See that what was deployed is what is there."""
        credentials = self._accounts.sign_in(to, f"{to}-drift")
        self._follow(f"drift of {to}", "deployment", "Look for drift", credentials, TARGET=to, **self._options())

    def look_at_the_day(self, environment: EnvironmentName) -> None:
        """Ask an account, as its administrator, what the local stack is asked in an incident."""
        credentials = self._accounts.root(environment)
        self._follow(f"look at {environment}", "operations", "Look at the day", credentials, TARGET=environment)

    def turn_back(self, good: str, bad: str) -> None:
        """Deploy a release to prod that fails there, and see the canary turn it back."""
        started = time.monotonic()
        customer = Customer(self._accounts, "prod")
        order = customer.order()["id"]
        credentials = self._accounts.sign_in("prod")
        # What was asked before the canary would count as well, and hide for minutes that a tenth fails.
        functions = self._accounts.client("lambda", self._accounts.root("prod"))
        with customer.polling(order, lambda: _shares_traffic(functions)) as statuses:
            self._commands.refused(
                "the canary of a sabotaged release",
                # A server error of the API is an alarm at once; its function's, with more than 5 % of the calls.
                "turned back after 10 % of the traffic: bbws-order-api-5xx-prod",
                *self._deployment("prod", bad),
                environment=credentials,
            )
            failed, answered = sum(status >= 500 for status in statuses), len(statuses)
        after = {customer.api.get(order).status_code for _ in range(40)}
        if after != {200}:
            raise StackError(f"after the canary was turned back, prod answered {after}")
        self._same_templates("prod", good)
        tested = f"{failed} of {answered} answers failed, then none of 40"
        self._add("prod, canary turned back", bad, tested, BOTH, started)

    def _same_templates(self, environment: EnvironmentName, digest: str) -> None:
        s3 = self._accounts.client("s3", self._accounts.root(environment))
        found = Store(s3, self._accounts.outputs(environment)["templates_bucket"]).read(SABOTAGED_TEMPLATE)
        releases = Store(s3, ENVIRONMENTS[environment].release_bucket)
        wanted = releases.manifest(digest).files[f"templates/{SABOTAGED_TEMPLATE}"].sha256
        if found != releases.file(SABOTAGED_TEMPLATE, wanted):
            raise StackError(f"{SABOTAGED_TEMPLATE} in {environment} is not that of {digest[:12]}")

    def roll_back(self, environment: EnvironmentName, to: str) -> None:
        """Give an environment back to the release before."""
        started = time.monotonic()
        credentials = self._accounts.sign_in(environment) | {"TARGET": environment}
        self._follow(f"history of {environment}", "rollback", "Look at what is live", credentials)
        self._follow(f"roll back {environment}", "rollback", "Roll back", credentials)
        seconds = time.monotonic() - started
        if seconds > 120:
            raise StackError(f"the rollback of {environment} took {seconds:.0f} s; it may take 120 s")
        live = history.live(
            Store(self._accounts.client("s3", credentials), ENVIRONMENTS[environment].release_bucket), environment
        )
        if live is None or live.release != to:
            raise StackError(f"{environment} was not rolled back to {to[:12]} but to {live}")
        self._same_templates(environment, to)
        Customer(self._accounts, environment).order()
        chosen = {"E2E_CART_URL": self._stack.cart_url, "ARGS": f"-k '{SOME_TESTS}'"}
        name = f"proof of the rollback of {environment}"
        done = self._follow(name, "rollback", "Prove that the rollback holds", credentials, **chosen)
        tested = f"traffic, templates, an order; {_passed(done)}"
        self._add(f"{environment}, rolled back", to, tested, "", started)

    def go_forth_and_back(self, environment: EnvironmentName, digests: Sequence[str]) -> None:
        """Give an environment to certain releases, one after the other."""
        for digest in digests:
            credentials = self._accounts.sign_in(environment)
            chosen = {"TARGET": environment, "RELEASE": digest}
            name = f"{environment} to {digest[:12]}"
            self._follow(name, "rollback", "Go to a certain release", credentials, **chosen)
            self._same_templates(environment, digest)

    def fail_over(self, digest: str) -> None:
        """Lose prod's home region, and serve from the other."""
        home = Customer(self._accounts, "prod")
        orders = [home.order() for _ in range(3)]
        newest = max(datetime.fromisoformat(order["dateCreated"]) for order in orders)
        prod = self._accounts.outputs("prod")
        lost, started = datetime.now(UTC), time.monotonic()
        self._stack.lost_file.write_text(f"{ENVIRONMENTS['prod'].region}\n{prod['api_id']}\n")
        if home.api.get(orders[0]["id"]).status_code != 503:
            raise StackError("the home region was lost and still answers")
        console.print(f"[yellow]![/] {ENVIRONMENTS['prod'].region} is lost")
        credentials = self._accounts.sign_in("failover") | self._evidence(digest)
        page = "disaster-recovery"
        self._follow("deploy to the fail-over", page, "Deploy the fail-over", credentials, **self._options())
        there = Customer(self._accounts, "failover")
        answers = [there.api.get(order["id"]) for order in orders]
        recovered = time.monotonic() - started
        readable = [answer for answer in answers if answer.status_code == 200]
        if len(readable) != len(orders):
            raise StackError(f"{len(readable)} of {len(orders)} orders are readable after the loss")
        self._require_invoices([answer.json()["invoiceKey"] for answer in readable])
        there.order()
        live = self._live_in_failover()
        if live != digest:
            raise StackError(f"the fail-over has release {live[:12]}, prod had {digest[:12]}")
        done = self._follow("end-to-end tests in the fail-over", page, "Prove that the fail-over serves", credentials)
        tested = f"{len(readable)} of {len(orders)} earlier orders and invoices read, a new one placed; {_passed(done)}"
        self._add("fail-over", digest, tested, BOTH, started)
        console.print(f"RTO {recovered:.0f} s (from the loss to the first answer; promised < 3,600 s)")
        age = (lost - newest).total_seconds()
        console.print(f"RPO 0 orders lost; the newest was {age:.1f} s old (promised < 300 s)")

    def require_followed(self) -> None:
        """See that every command of the runbooks that needs accounts was run, and say how many there were."""
        wanted = [block for block in runbooks.blocks() if block.rehearsed]
        left = [f"{block.page}, {block.heading}" for block in wanted if block not in self._commands.followed]
        if left:
            raise StackError(f"not rehearsed of the runbooks: {'; '.join(left)}")
        runs = sum(block.commands for block in self._commands.followed)
        all_of_them = sum(block.commands for block in wanted)
        console.print(f"runbook commands executed: all {all_of_them} that need accounts, {runs} runs of them")

    def _require_invoices(self, keys: list[str]) -> None:
        bucket = self._accounts.outputs("failover")["orders_bucket"]
        copies = Store(self._accounts.client("s3", self._accounts.root("failover")), bucket)
        missing = [key for key in keys if not (copies.read(key) or b"").startswith(b"%PDF")]
        if missing:
            raise StackError(f"{bucket} has no copy of {', '.join(missing)}")

    def _live_in_failover(self) -> str:
        s3 = self._accounts.client("s3", self._accounts.root("failover"))
        live = history.live(Store(s3, ENVIRONMENTS["failover"].release_bucket), "failover")
        return live.release if live else "none"

    def sabotage(self) -> Path:
        """Commit a release that fails in prod alone, in a clone of its own; returns the clone."""
        clone = FOLDER / "sabotaged-tree"
        git = ("git", "-C", str(clone), "-c", "user.name=rehearsal", "-c", "user.email=rehearsal@example.com")
        self._commands.run("clone", "git", "clone", "--quiet", str(ROOT), str(clone), environment=os.environ)
        handler = clone / "functions" / "get_order" / "handler.py"
        handler.write_text(f"import os\nfrom typing import Any\n\n{handler.read_text()}{SABOTAGE}")
        template = clone / "templates" / SABOTAGED_TEMPLATE
        template.write_text(template.read_text() + "<!-- sabotaged -->\n")
        self._commands.run("sabotage", *git, "commit", "--quiet", "-am", "Sabotage prod", environment=os.environ)
        # Libraries are the same, and pip need not fetch them again.
        shutil.copytree(ROOT / "build" / "libraries", clone / "build" / "libraries")
        return clone


def _shares_traffic(functions: Any) -> bool:
    """Whether the function that prod's customers call has a canary."""
    alias = functions.get_alias(FunctionName="bbws-order-lambda-get-order-prod", Name=traffic.ALIAS)
    return bool(alias.get("RoutingConfig", {}).get("AdditionalVersionWeights"))


def _passed(done: Done) -> str:
    """How many tests a run of pytest says have passed."""
    counts = [int(word) for line in done.output.splitlines() for word in _counts(line)]
    return f"{sum(counts)} end-to-end tests"


def _counts(line: str) -> list[str]:
    words = line.split()
    return [words[n - 1] for n, word in enumerate(words) if word.startswith("passed") and line.startswith("=")]


def _start(folder: Path) -> Stack:
    ports = {use: processes.free_port() for use in ("engine", "cart", "smtp")}
    stack = Stack(folder, ports=ports, certificates=tls.make(folder / "tls"))
    MiniStack().start(stack)
    start_cart_stub(stack)
    return stack


def _print(rows: list[Row]) -> None:
    table = Table("stage", "release", "tested", "approved by", "seconds", title="Rehearsal")
    for row in rows:
        table.add_row(row.stage, row.release, row.tested, row.approved, f"{row.seconds:.0f}")
    console.print(table)


def rehearse() -> None:
    """Rehearse; the steps say what they are.

    Raises:
        StackError: a step did not do what it must, or was not refused.
    """
    started = time.monotonic()
    old = stacks.load(FOLDER / "engine")
    down(old)
    shutil.rmtree(FOLDER, ignore_errors=True)
    commands = Commands(FOLDER / "logs")
    stack = _start(FOLDER / "engine")
    rehearsal = Rehearsal(stack, commands)
    try:
        good = rehearsal.build(RELEASE)
        with ThreadPoolExecutor(max_workers=1) as pool:
            local: Future[None] = pool.submit(rehearsal.test_locally, good)
            rehearsal.make_ready()
            bad_folder = FOLDER / "sabotaged"
            bad = rehearsal.build(bad_folder, rehearsal.sabotage())
            local.result()
        rehearsal.refuse_changed()
        rehearsal.upload(RELEASE)
        rehearsal.refuse_to_skip(good)
        rehearsal.deploy("dev", good)
        rehearsal.refuse_without_approval(good)
        # As in life: the next release is in one environment while this one is in the environment after it.
        with ThreadPoolExecutor(max_workers=1) as pool:
            following = pool.submit(rehearsal.follow_in_dev, bad_folder, bad)
            rehearsal.promote("sit", good, TECH_LEAD)
            rehearsal.deploy("sit", good, TECH_LEAD)
            following.result()
            following = pool.submit(rehearsal.follow_in_sit, bad)
            rehearsal.show("prod", good)
            rehearsal.promote("prod", good, BOTH)
            rehearsal.deploy("prod", good, BOTH)
            following.result()
        rehearsal.promote("prod", bad, BOTH)
        rehearsal.turn_back(good, bad)
        with ThreadPoolExecutor(max_workers=2) as pool:
            back = [pool.submit(rehearsal.roll_back, environment, good) for environment in ("sit", "dev")]
        for future in back:
            future.result()
        rehearsal.go_forth_and_back("dev", (bad, good))
        rehearsal.fail_over(good)
        rehearsal.require_followed()
    finally:
        _print(rehearsal.rows)
        down(stack)
    minutes = (time.monotonic() - started) / 60
    console.print(f"Rehearsed in {minutes:.1f} minutes; what each step printed is in {shown(FOLDER / 'logs')}")


if __name__ == "__main__":
    sys.exit(run_cli(rehearse, ADVICE))
