"""`python -m localstack.rehearsal`: the steps, and the table at their end."""

import os
import platform
import shutil
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from rich.table import Table

from localstack import engines, processes, tls
from localstack import stack as stacks
from localstack.rehearsal.accounts import REPOSITORY, Accounts
from localstack.rehearsal.commands import Commands, Done
from localstack.rehearsal.customer import Customer
from localstack.stack import ROOT, Stack, StackError
from localstack.up import console, down, shown, start_cart_stub
from release import docker, history, manifest, traffic
from release.environments import PLACES, Environment
from release.store import Store

FOLDER = ROOT / "build" / "rehearsal"
RELEASE = ROOT / "build" / "release"
TECH_LEAD = "tech-lead=Thandi"
BOTH = f"{TECH_LEAD} business-owner=Sipho"
CANARY_SECONDS = 120
# Of the second release: all of them ran on the first, and these see what was changed.
SOME_TESTS = "order_flow or reachable or locking"
# Fails only where real orders are, so that nothing but a canary finds it; and comes with a template of its own.
SABOTAGE = """

_sound = handler


def handler(event: dict[str, Any], context: Any) -> Any:
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

    def build(self, folder: Path, tree: Path = ROOT) -> str:
        """Make a release of a tree and return its digest."""
        started = time.monotonic()
        architecture = {"aarch64": "arm64", "AMD64": "x86_64"}.get(platform.machine(), platform.machine())
        pango = [] if docker.answers() else ["--host-pango"]
        arguments = ("make", "--architecture", architecture, "--folder", str(folder), *pango)
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
        # Without the faults, which no environment after this one can have.
        command = ("make", "--no-print-directory", "e2e-fresh", f"RELEASE_DIR={RELEASE}", "FAULTS=")
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
        self._commands.release(f"upload {folder.name}", "upload", "--folder", str(folder), environment=environment)

    def promote(self, to: Environment, digest: str, approvals: str) -> None:
        """Show a release to who approves it, with a role that may only read; then promote it."""
        looking = ("approve", "--to", to, "--release", digest, "--var-file", str(self._accounts.var_file()))
        self._commands.run(
            f"evidence for {to}",
            *(sys.executable, "-m", "release.pack", *looking),
            environment=self._accounts.sign_in(to, f"{to}-drift") | self._evidence(digest),
        )
        arguments = ("promote", "--to", to, "--release", digest, "--approvals", approvals)
        environment = self._accounts.sign_in(to) | self._evidence(digest)
        self._commands.release(f"promote to {to}", *arguments, environment=environment)

    def _deployment(self, to: Environment, digest: str) -> tuple[str, ...]:
        options = ("--var-file", str(self._accounts.var_file()), "--seconds", str(CANARY_SECONDS))
        return ("deploy", "--to", to, "--release", digest, *options)

    def deploy(self, to: Environment, digest: str, approvals: str = "", tests: str = "") -> None:
        """Deploy a release, test it there, and write the evidence.

        Args:
            to: the environment.
            digest: of the release.
            approvals: as they were given, for the table.
            tests: which end-to-end tests, as pytest's -k takes it; all if empty.
        """
        started = time.monotonic()
        credentials = self._accounts.sign_in(to)
        self._commands.release(f"deploy to {to}", *self._deployment(to, digest), environment=credentials)
        report = FOLDER / f"e2e-{to}.xml"
        done = self._commands.run(
            f"end-to-end tests in {to}",
            *("make", "--no-print-directory", "e2e", f"TARGET={to}", f"REPORT={report}"),
            *([f"ARGS=-k '{tests}'"] if tests else []),
            environment=credentials | {"E2E_CART_URL": self._stack.cart_url} | self._evidence(digest),
        )
        environment = self._accounts.sign_in(to) | self._evidence(digest)
        self._commands.release(f"record {to}", "record", "--to", to, "--junit", str(report), environment=environment)
        self._add(to, digest, _passed(done), approvals, started)

    def follow_in_dev(self, folder: Path, digest: str) -> None:
        """Take the next release to dev, with the tests that it is to pass."""
        self.upload(folder)
        self.deploy("dev", digest, tests=SOME_TESTS)

    def follow_in_sit(self, digest: str) -> None:
        """Take the next release to sit, with the tests that it is to pass."""
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

    def look_for_drift(self, to: Environment) -> None:
        """See that what was deployed is what is there."""
        arguments = ("drift", "--to", to, "--var-file", str(self._accounts.var_file()))
        self._commands.release(f"drift of {to}", *arguments, environment=self._accounts.sign_in(to, f"{to}-drift"))

    def turn_back(self, good: str, bad: str) -> None:
        """Deploy a release to prod that fails there, and see the canary turn it back."""
        started = time.monotonic()
        customer = Customer(self._accounts, "prod")
        order = customer.order()["id"]
        credentials = self._accounts.sign_in("prod")
        # What was asked before the canary would count as well, and hide for minutes that a tenth fails.
        functions = self._accounts.client("lambda", self._accounts.root("prod"))
        with customer.asking(order, lambda: _shares_traffic(functions)) as statuses:
            self._commands.refused(
                "the canary of a sabotaged release",
                "turned back after 10 % of the traffic: bbws-order-lambda-get-order-prod-errors rang",
                *self._deployment("prod", bad),
                environment=credentials,
            )
            failed, answered = sum(status >= 500 for status in statuses), len(statuses)
        after = {customer.get(order).status_code for _ in range(40)}
        if after != {200}:
            raise StackError(f"after the canary was turned back, prod answered {after}")
        self._same_templates("prod", good)
        tested = f"{failed} of {answered} answers failed, then none of 40"
        self._add("prod, canary turned back", bad, tested, BOTH, started)

    def _same_templates(self, environment: Environment, digest: str) -> None:
        s3 = self._accounts.client("s3", self._accounts.root(environment))
        found = Store(s3, self._accounts.outputs(environment)["templates_bucket"]).read(SABOTAGED_TEMPLATE)
        releases = Store(s3, PLACES[environment].release_bucket)
        wanted = releases.manifest(digest).files[f"templates/{SABOTAGED_TEMPLATE}"].sha256
        if found != releases.file(SABOTAGED_TEMPLATE, wanted):
            raise StackError(f"{SABOTAGED_TEMPLATE} in {environment} is not that of {digest[:12]}")

    def roll_back(self, environment: Environment, to: str) -> None:
        """Give an environment back to the release before."""
        started = time.monotonic()
        credentials = self._accounts.sign_in(environment)
        self._commands.release(f"roll back {environment}", "rollback", "--to", environment, environment=credentials)
        seconds = time.monotonic() - started
        if seconds > 120:
            raise StackError(f"the rollback of {environment} took {seconds:.0f} s; it may take 120 s")
        live = history.live(
            Store(self._accounts.client("s3", credentials), PLACES[environment].release_bucket), environment
        )
        if live is None or live.release != to:
            raise StackError(f"{environment} was not rolled back to {to[:12]} but to {live}")
        self._same_templates(environment, to)
        Customer(self._accounts, environment).order()
        self._add(f"{environment}, rolled back", to, "traffic, templates, an order", "", started)

    def fail_over(self, digest: str) -> None:
        """Lose prod's home region, and serve from the other."""
        home = Customer(self._accounts, "prod")
        orders = [home.order() for _ in range(3)]
        newest = max(datetime.fromisoformat(order["dateCreated"]) for order in orders)
        prod = self._accounts.outputs("prod")
        lost, started = datetime.now(UTC), time.monotonic()
        self._stack.lost_file.write_text(f"{PLACES['prod'].region}\n{prod['api_id']}\n")
        if home.get(orders[0]["id"]).status_code != 503:
            raise StackError("the home region was lost and still answers")
        console.print(f"[yellow]![/] {PLACES['prod'].region} is lost")
        credentials = self._accounts.sign_in("failover")
        arguments = ("deploy", "--to", "failover", "--var-file", str(self._accounts.var_file()))
        self._commands.release("deploy to the fail-over", *arguments, environment=credentials)
        there = Customer(self._accounts, "failover")
        answers = [there.get(order["id"]) for order in orders]
        recovered = time.monotonic() - started
        readable = [answer for answer in answers if answer.status_code == 200]
        if len(readable) != len(orders):
            raise StackError(f"{len(readable)} of {len(orders)} orders are readable after the loss")
        self._require_invoices([answer.json()["invoiceKey"] for answer in readable])
        there.order()
        live = self._live_in_failover()
        if live != digest:
            raise StackError(f"the fail-over has release {live[:12]}, prod had {digest[:12]}")
        done = self._commands.run(
            "end-to-end tests in the fail-over",
            *("make", "--no-print-directory", "e2e", "TARGET=failover"),
            environment=credentials | self._evidence(digest),
        )
        tested = f"{len(readable)} of {len(orders)} earlier orders and invoices read, a new one placed; {_passed(done)}"
        self._add("fail-over", digest, tested, BOTH, started)
        console.print(f"RTO {recovered:.0f} s (from the loss to the first answer; promised < 3,600 s)")
        age = (lost - newest).total_seconds()
        console.print(f"RPO 0 orders lost; the newest was {age:.1f} s old (promised < 300 s)")

    def _require_invoices(self, keys: list[str]) -> None:
        bucket = self._accounts.outputs("failover")["orders_bucket"]
        copies = Store(self._accounts.client("s3", self._accounts.root("failover")), bucket)
        missing = [key for key in keys if not (copies.read(key) or b"").startswith(b"%PDF")]
        if missing:
            raise StackError(f"{bucket} has no copy of {', '.join(missing)}")

    def _live_in_failover(self) -> str:
        s3 = self._accounts.client("s3", self._accounts.root("failover"))
        live = history.live(Store(s3, PLACES["failover"].release_bucket), "failover")
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
    """Whether the function that prod's customers ask has a canary."""
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
    engines.Embedded().start(stack)
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
            rehearsal.look_for_drift("sit")
            following.result()
            following = pool.submit(rehearsal.follow_in_sit, bad)
            rehearsal.promote("prod", good, BOTH)
            rehearsal.deploy("prod", good, BOTH)
            following.result()
        rehearsal.promote("prod", bad, BOTH)
        rehearsal.turn_back(good, bad)
        with ThreadPoolExecutor(max_workers=2) as pool:
            back = [pool.submit(rehearsal.roll_back, environment, good) for environment in ("sit", "dev")]
        for future in back:
            future.result()
        rehearsal.fail_over(good)
    finally:
        _print(rehearsal.rows)
        down(stack)
    minutes = (time.monotonic() - started) / 60
    console.print(f"Rehearsed in {minutes:.1f} minutes; what each step printed is in {shown(FOLDER / 'logs')}")


def main() -> int:
    """Run; an error is one sentence and exit status 1."""
    try:
        rehearse()
    except StackError as error:
        console.print(f"[red]error:[/] {error}", soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
