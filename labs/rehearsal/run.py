"""The life of a release in three accounts and two regions: deployments, refusals, rollbacks, a lost region."""

import os
import platform
import re
import shutil
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from rich.table import Table

from labs.rehearsal.accounts import SUBJECT_PREFIX, Accounts
from labs.rehearsal.commands import DEADLINE_SECONDS, PROGRAM, Commands
from localstack import demo, processes, tls
from localstack import stack as stacks
from localstack.engines.ministack import MiniStack
from localstack.stack import Stack, StackError
from localstack.up import console, display_path, down, start_cart_stub
from release import history, manifest, traffic
from release.environments import ENVIRONMENTS, EnvironmentName
from release.store import Store
from tooling import docker, documents
from tooling.order_client import OrderClient
from tooling.paths import ROOT
from tooling.polling import poll

FOLDER = ROOT / "build" / "rehearsal"
RELEASE = ROOT / "build" / "release"
TECH_LEAD = "tech-lead=Thandi"
BOTH = f"{TECH_LEAD} business-owner=Sipho"
CANARY_SECONDS = 120
_ROLLBACK_SECONDS = 120
# For the second release, since all tests ran on the first and these see what differs.
SOME_TESTS = "order_flow or reachable or locking"
# Fails only in prod, so that only the canary finds it.
SABOTAGE = """

_sound = lambda_handler


def lambda_handler(event: dict[str, Any], context: Any) -> Any:
    if os.environ["ORDERS_TABLE"].endswith("-prod") and event["path"] != "/":
        raise RuntimeError("sabotaged")
    return _sound(event, context)
"""
SABOTAGED_TEMPLATE = "customer/order_confirmation.html"


class Refusal(NamedTuple):
    """A command of `bin/release` that must be refused with a text, as the job of an environment."""

    name: str
    text: str
    to: EnvironmentName
    arguments: tuple[str, ...]


def _skips(digest: str) -> tuple[Refusal, ...]:
    """Stages that would be skipped, and approvals that would be left out."""
    sit = ("promote", digest, "--to", "sit", "--approvals")
    prod = ("promote", digest, "--to", "prod", "--approvals")
    one_person = (*prod, f"{TECH_LEAD} business-owner=Thandi")
    return (
        Refusal("to sit before dev has passed it", "it has not passed dev", "sit", (*sit, TECH_LEAD)),
        Refusal("to prod past sit", "it has not passed sit", "prod", (*prod, BOTH)),
        Refusal("to prod with one person for both", "must be two different people", "prod", one_person),
        Refusal("a deployment without promotion", "was not promoted", "prod", ("deploy", digest, "--to", "prod")),
    )


class Rehearsal:
    """The steps, on a running engine."""

    def __init__(self, stack: Stack, commands: Commands) -> None:
        self._stack, self._accounts, self._commands = stack, Accounts(stack), commands
        self.table = Table("stage", "release", "tested", "approved by", "seconds", title="Rehearsal")

    def _add(self, stage: str, release: str, tested: str, approved: str, started: float) -> None:
        self.table.add_row(stage, release[:12], tested, approved, f"{time.monotonic() - started:.0f}")

    def follow(
        self, page: str, heading: str, to: EnvironmentName, *, release: str = "", job: str | None = None, **more: str
    ) -> str:
        """Run commands of a runbook as the job of an environment, perhaps for a release, and return their output."""
        chosen = {"TARGET": to, **({"RELEASE": release, **_evidence(release)} if release else {}), **more}
        name = f"{heading.lower()}, {to}{f', {release[:12]}' if release else ''}"
        return self._commands.follow(name, page, heading, self._accounts.sign_in(to, job), **chosen)

    def _options(self) -> dict[str, str]:
        return {"REHEARSAL_VAR_FILE": str(self._accounts.var_file()), "REHEARSAL_CANARY_SECONDS": str(CANARY_SECONDS)}

    def _tests(self, only: str = "") -> dict[str, str]:
        return {"E2E_CART_URL": self._stack.cart_url, **({"PYTEST_ADDOPTS": f"-k '{only}'"} if only else {})}

    def _client(self, service: str, environment: EnvironmentName) -> Any:
        return self._accounts.client(service, self._accounts.root(environment))

    def build(self, folder: Path, tree: Path = ROOT) -> str:
        """Make a release of a tree and return its digest."""
        started = time.monotonic()
        architecture = {"aarch64": "arm64", "AMD64": "x86_64"}.get(platform.machine(), platform.machine())
        name, pango = f"build {folder.name}", () if docker.available() else ("--host-pango",)
        if tree == ROOT:
            chosen = {"REHEARSAL_ARCHITECTURE": architecture, **({"REHEARSAL_HOST_PANGO": "1"} if pango else {})}
            self._commands.follow(name, "deployment", "Make a release", os.environ, **chosen)
        else:
            arguments = ("make", "--architecture", architecture, "--folder", str(folder), *pango)
            self._commands.run(name, *PROGRAM, *arguments, environment=os.environ, cwd=tree)
        digest = manifest.read(folder / manifest.NAME).digest()
        self._add(name, digest, "packages import alone, budgets", "", started)
        return digest

    def sabotage(self) -> Path:
        """Commit a release that fails in prod only, in a clone of this repository; returns the clone."""
        clone = FOLDER / "sabotaged-tree"
        git = ("git", "-C", str(clone), "-c", "user.name=rehearsal", "-c", "user.email=rehearsal@example.com")
        self._commands.run("clone", "git", "clone", "--quiet", str(ROOT), str(clone), environment=os.environ)
        handler = clone / "functions" / "get_order" / "handler.py"
        handler.write_text(f"import os\nfrom typing import Any\n\n{handler.read_text()}{SABOTAGE}")
        template = clone / "templates" / SABOTAGED_TEMPLATE
        template.write_text(template.read_text() + "<!-- sabotaged -->\n")
        self._commands.run("sabotage", *git, "commit", "--quiet", "-am", "Sabotage prod", environment=os.environ)
        # The libraries are the same, so pip need not download them again.
        shutil.copytree(ROOT / "build" / "libraries", clone / "build" / "libraries")
        return clone

    def test_locally(self, digest: str) -> None:
        """Run the end-to-end tests with the release's packages on a local stack."""
        started = time.monotonic()
        # Without faults and without tests that need a stack alone: the environments that follow cannot have them.
        command = ("bin/test", "e2e", "--own-stack", "--release-dir", str(RELEASE), "--quick")
        environment = {**os.environ, **_evidence(digest)}
        output = self._commands.run("local end-to-end tests", *command, environment=environment)
        self._add("local", digest, _passed(output), "", started)

    def bootstrap(self) -> None:
        """Bootstrap the accounts, and check that they refuse other jobs."""
        started = time.monotonic()
        _together(*(partial(self._accounts.bootstrap, environment) for environment in ("dev", "sit", "prod")))
        console.print(f"[green]✓[/] bootstrap of three accounts [dim]{time.monotonic() - started:.1f} s[/]")
        for subject in (f"{SUBJECT_PREFIX}:ref:refs/heads/main", "repo:someone/else:environment:dev"):
            try:
                self._accounts.sign_in("dev", sub=subject)
            except StackError:
                console.print(f"[green]✓[/] {subject}: refused by dev")
            else:
                raise StackError(f"{subject} was accepted by dev")

    def take(self, to: EnvironmentName, digest: str, approvals: str = "", tests: str = "") -> None:
        """Promote a release if it has approvals, deploy it, test it (pytest's -k), and write the evidence."""
        started, report = time.monotonic(), str(FOLDER / f"e2e-{to}.xml")
        if approvals:
            self.follow("deployment", "Promote a release", to, release=digest, APPROVALS=approvals)
        self.follow("deployment", "Deploy a release", to, release=digest, **self._options())
        tests_of_release = {"REPORT": report, **self._tests(tests)}
        output = self.follow("deployment", "Prove that the release works", to, release=digest, **tests_of_release)
        self.follow("deployment", "Write the evidence", to, release=digest, REPORT=report)
        self._add(to, digest, _passed(output), approvals, started)

    def take_next_to_dev(self, folder: Path, digest: str) -> None:
        """Upload the next release, and take it to dev."""
        upload, environment = ("upload", "--folder", str(folder)), self._accounts.sign_in("dev")
        self._commands.run(f"upload {folder.name}", *PROGRAM, *upload, environment=environment)
        self.take("dev", digest, tests=SOME_TESTS)

    def take_next_to_sit(self, digest: str) -> None:
        """Check sit for drift, query it as on-call does, and take the next release there."""
        self.follow("deployment", "Look for drift", "sit", job="sit-drift", **self._options())
        self._commands.follow("look at sit", "operations", "Look at the day", self._accounts.root("sit"), TARGET="sit")
        self.take("sit", digest, TECH_LEAD, SOME_TESTS)

    def take_to_prod(self, digest: str) -> None:
        """Render what approvers read, with a role that may only read, and take a release to prod."""
        options = self._options()
        self.follow("deployment", "See what is promoted", "prod", release=digest, job="prod-drift", **options)
        self.take("prod", digest, BOTH)

    def refuse(self, *refusals: Refusal) -> None:
        """Check that commands are refused."""
        for name, text, to, arguments in refusals:
            self._commands.refused(name, text, *arguments, environment=self._accounts.sign_in(to))

    def fail_canary(self, good: str, bad: str) -> None:
        """Deploy a release to prod that fails there, and check that the canary rolls it back."""
        started = time.monotonic()
        customer = self._accounts.customer("prod")
        order = _order(customer)["id"]
        functions = self._client("lambda", "prod")
        options = ("--var-file", str(self._accounts.var_file()), "--seconds", str(CANARY_SECONDS))
        text = "rolled back after 10 % of the traffic; "
        deploy = ("deploy", bad, "--to", "prod", *options)
        refusal, statuses = Refusal("the canary of a sabotaged release", text, "prod", deploy), list[int]()
        with ThreadPoolExecutor(max_workers=1) as pool:
            deployment = pool.submit(self.refuse, refusal)
            # Requests before the canary would count too, and hide for minutes that a tenth of them fails.
            poll("a canary", lambda: _shares_traffic(functions) or deployment.done() or None, DEADLINE_SECONDS, 0.2)
            while not deployment.done():
                statuses.append(customer.get(order).status_code)
        deployment.result()
        after = {customer.get(order).status_code for _ in range(40)}
        if after != {200}:
            raise StackError(f"after the canary was rolled back, prod responded {after}")
        self.require_templates("prod", good)
        tested = f"{sum(status >= 500 for status in statuses)} of {len(statuses)} responses failed, then none of 40"
        self._add("prod, canary rolled back", bad, tested, BOTH, started)

    def require_templates(self, environment: EnvironmentName, digest: str) -> None:
        """Check that an environment has the template of a release."""
        s3 = self._client("s3", environment)
        found = Store(s3, self._accounts.outputs(environment)["templates_bucket"]).read(SABOTAGED_TEMPLATE)
        releases = Store(s3, ENVIRONMENTS[environment].release_bucket)
        expected = releases.manifest(digest).files[f"templates/{SABOTAGED_TEMPLATE}"].sha256
        if found != releases.file(SABOTAGED_TEMPLATE, expected):
            raise StackError(f"{SABOTAGED_TEMPLATE} in {environment} is not that of {digest[:12]}")

    def _require_live(self, environment: EnvironmentName, digest: str) -> None:
        store = Store(self._client("s3", environment), ENVIRONMENTS[environment].release_bucket)
        live = history.live(store, environment)
        if live is None or live.release != digest:
            raise StackError(f"{environment} has release {live and live.release}, not {digest}")

    def roll_back(self, environment: EnvironmentName, to: str) -> None:
        """Roll an environment back to the previous release."""
        started = time.monotonic()
        self.follow("rollback", "Look at what is live", environment)
        self.follow("rollback", "Roll back", environment)
        seconds = time.monotonic() - started
        if seconds > _ROLLBACK_SECONDS:
            raise StackError(f"the rollback of {environment} took {seconds:.0f} s; the limit is {_ROLLBACK_SECONDS} s")
        self._require_live(environment, to)
        self.require_templates(environment, to)
        _order(self._accounts.customer(environment))
        output = self.follow("rollback", "Prove that the rollback holds", environment, **self._tests(SOME_TESTS))
        tested = f"traffic, templates, an order; {_passed(output)}"
        self._add(f"{environment}, rolled back", to, tested, "", started)

    def fail_over(self, digest: str) -> None:
        """Lose prod's home region, and serve from the other region."""
        home = self._accounts.customer("prod")
        orders = [_order(home) for _ in range(3)]
        newest = max(datetime.fromisoformat(order["dateCreated"]) for order in orders)
        lost, started, region = datetime.now(UTC), time.monotonic(), ENVIRONMENTS["prod"].region
        self._stack.lost_file.write_text(f"{region}\n{self._accounts.outputs('prod')['api_id']}\n")
        if home.get(orders[0]["id"]).status_code != 503:
            raise StackError("the home region is lost but still responds")
        console.print(f"[yellow]![/] {region} is lost")
        evidence = _evidence(digest)
        self.follow("disaster-recovery", "Deploy the fail-over", "failover", **evidence, **self._options())
        there = self._accounts.customer("failover")
        found = [there.get(order["id"]) for order in orders]
        recovered = time.monotonic() - started
        if any(response.status_code != 200 for response in found):
            raise StackError(f"after the loss the orders' statuses are {[each.status_code for each in found]}")
        bucket = Store(self._client("s3", "failover"), self._accounts.outputs("failover")["orders_bucket"])
        for key in (response.json()["invoiceKey"] for response in found):
            if not (bucket.read(key) or b"").startswith(b"%PDF"):
                raise StackError(f"the fail-over has no copy of {key}")
        _order(there)
        self._require_live("failover", digest)
        output = self.follow("disaster-recovery", "Prove that the fail-over serves", "failover", **evidence)
        tested = f"{len(found)} earlier orders and invoices read, a new one placed; {_passed(output)}"
        self._add("fail-over", digest, tested, BOTH, started)
        age = (lost - newest).total_seconds()
        console.print(f"RTO {recovered:.0f} s, from the loss to the first response (agreed: below 3,600 s)")
        console.print(f"RPO: no order lost; the newest was {age:.1f} s old (agreed: below 300 s)")

    def require_followed(self) -> None:
        """Check that every command of the runbooks that needs accounts was run, and print how many there were."""
        required = [block for block in documents.runbook_blocks() if block.rehearsed]
        left = [f"{block.page}, {block.heading}" for block in required if block not in self._commands.followed]
        if left:
            raise StackError(f"runbook blocks that were not rehearsed: {'; '.join(left)}")
        runs, commands = (sum(len(block.commands) for block in each) for each in (self._commands.followed, required))
        console.print(f"runbook commands executed: all {commands} that need accounts, in {runs} runs")


def _evidence(release: str) -> dict[str, str]:
    # Two releases are tested at the same time, so each has a folder for its evidence.
    return {"EVIDENCE_DIR": str(FOLDER / "evidence" / release[:12])}


def _order(customer: OrderClient) -> dict[str, Any]:
    """Place the demo order, and return it once it has its invoice."""
    return customer.await_invoiced(customer.place(demo.order(), idempotency_key=str(uuid.uuid4())).order_id)


def _shares_traffic(functions: Any) -> bool:
    """Whether the function that prod's customers call has a canary."""
    alias = functions.get_alias(FunctionName="bbws-order-lambda-get-order-prod", Name=traffic.ALIAS)
    return bool(alias.get("RoutingConfig", {}).get("AdditionalVersionWeights"))


def _passed(output: str) -> str:
    """How many tests passed, by the summaries of pytest."""
    return f"{sum(map(int, re.findall(r'^=.*?(\d+) passed', output, re.MULTILINE)))} end-to-end tests"


def _changed() -> str:
    """A copy of the release in which a package has a byte more."""
    changed = FOLDER / "changed"
    shutil.copytree(RELEASE, changed)
    with (changed / "packages" / "get_order.zip").open("ab") as package:
        package.write(b"\0")
    return str(changed)


def _steps(rehearsal: Rehearsal) -> None:
    good = rehearsal.build(RELEASE)
    with ThreadPoolExecutor(max_workers=1) as pool:
        local: Future[None] = pool.submit(rehearsal.test_locally, good)
        rehearsal.bootstrap()
        bad_folder = FOLDER / "sabotaged"
        bad = rehearsal.build(bad_folder, rehearsal.sabotage())
        local.result()
    upload = ("upload", "--folder", _changed())
    rehearsal.refuse(Refusal("a changed byte", "packages/get_order.zip has digest", "dev", upload))
    rehearsal.follow("deployment", "Put a release into dev", "dev")
    rehearsal.refuse(*_skips(good))
    rehearsal.take("dev", good)
    alone = ("promote", good, "--to", "sit")
    rehearsal.refuse(Refusal("to sit without approval", "the approval of tech-lead is missing", "sit", alone))
    # As in real life, the next release is in an environment while this one is in the environment after it.
    _together(partial(rehearsal.take_next_to_dev, bad_folder, bad), partial(rehearsal.take, "sit", good, TECH_LEAD))
    _together(partial(rehearsal.take_next_to_sit, bad), partial(rehearsal.take_to_prod, good))
    rehearsal.follow("deployment", "Promote a release", "prod", release=bad, APPROVALS=BOTH)
    rehearsal.fail_canary(good, bad)
    _together(partial(rehearsal.roll_back, "sit", good), partial(rehearsal.roll_back, "dev", good))
    for digest in (bad, good):
        rehearsal.follow("rollback", "Go to a certain release", "dev", release=digest)
        rehearsal.require_templates("dev", digest)
    rehearsal.fail_over(good)
    rehearsal.require_followed()


def _together(*steps: Callable[[], None]) -> None:
    """Run steps at the same time, and raise the error of the first that failed."""
    with ThreadPoolExecutor() as pool:
        futures = [pool.submit(step) for step in steps]
    for future in futures:
        future.result()


def rehearse() -> None:
    """Run every step, and print a table of what was tested and approved; UserError if a step failed."""
    started = time.monotonic()
    down(stacks.load(FOLDER / "engine"))
    shutil.rmtree(FOLDER, ignore_errors=True)
    folder, ports = FOLDER / "engine", {use: processes.free_port() for use in ("engine", "cart", "smtp")}
    stack = Stack(folder, ports=ports, certificates=tls.make(folder / "tls"))
    MiniStack().start(stack)
    start_cart_stub(stack)
    rehearsal = Rehearsal(stack, Commands(FOLDER / "logs"))
    try:
        _steps(rehearsal)
    finally:
        console.print(rehearsal.table)
        down(stack)
    minutes = (time.monotonic() - started) / 60
    console.print(f"Rehearsed in {minutes:.1f} minutes; the output of each step is in {display_path(FOLDER / 'logs')}")
