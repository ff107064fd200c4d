"""The story: one release through GitHub's workflows, one by hand, in three accounts and two regions."""

import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Final

from rich.table import Table

from labs.rehearsal.accounts import SUBJECT_PREFIX, Accounts
from labs.rehearsal.act import Outcome
from labs.rehearsal.by_hand import ByHand, Refusal, passed, sabotage
from labs.rehearsal.checks import Checks, newest
from labs.rehearsal.commands import Commands
from labs.rehearsal.dns import TTL_SECONDS
from labs.rehearsal.pipelines import Pipelines
from localstack import processes, tls
from localstack import stack as stacks
from localstack.engines.ministack import MiniStack
from localstack.stack import Stack, StackError
from localstack.up import console, display_path, down, start_cart_stub
from release import manifest
from release.environments import EnvironmentName
from tooling.paths import ROOT
from tooling.polling import poll

FOLDER: Final = ROOT / "build" / "rehearsal"
TECH_LEAD = "tech-lead=Thandi"
BOTH = f"{TECH_LEAD} business-owner=Sipho"
# Reviewers of GitHub's environments.
REVIEWERS: Final = {"sit": "Thandi", "prod-business-owner": "Sipho", "prod": "Thandi"}
_ROLLBACK_SECONDS = 120
_NAME_SECONDS = 120


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

    def __init__(self, stack: Stack) -> None:
        self._accounts = Accounts(stack)
        self._checks = Checks(stack, self._accounts)
        checkout, logs, cart_url = FOLDER / "checkout", FOLDER / "logs", stack.cart_url
        sabotage(checkout)
        # Dev and sit have no name of their own, so both ways are rehearsed.
        self._accounts.delegate("prod", "api.kimmyai.io")
        self.pipelines = Pipelines(FOLDER / "github", logs, self._accounts, cart_url)
        self._by_hand = ByHand(checkout, Commands(checkout, logs), self._accounts, cart_url)
        self.table = Table("stage", "release", "by", "tested", "approved by", "seconds", title="Rehearsal")

    def _add(self, stage: str, release: str, by: str, tested: str, approved: str, seconds: float) -> None:
        self.table.add_row(stage, release[:12], by, tested, approved, f"{seconds:.0f}")

    def _add_job(self, stage: str, release: str, outcome: Outcome, job: str, approved: str = "") -> None:
        workflow = outcome.workflow
        self._add(stage, release, workflow, passed(outcome.output_of(job)), approved, outcome.seconds_of(job))

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

    def push(self) -> str:
        """Push this commit to main: it is checked, made into a release, and deployed to dev; returns the release."""
        run, outcome = self.pipelines.run("deploy-dev")
        digest = manifest.read(self.pipelines.artifact(run, "release") / manifest.NAME).digest()
        if run.attested != [digest]:
            raise StackError(f"the provenance of {run.attested} was signed, not of {digest}")
        self._checks.require_live("dev", digest)
        for stage, job in (("local", "embedded"), ("dev", "deploy")):
            self._add_job(stage, digest, outcome, job)
        return digest

    def make_next(self) -> str:
        """Make the next release by hand, and check that it skips no stage; returns it."""
        digest = self._by_hand.make()
        self._by_hand.upload()
        self._by_hand.refuse(*_skips(digest))
        return digest

    def refuse_unapproved(self, digest: str) -> None:
        """Check that nobody's approval is no approval, on a command line and in GitHub."""
        name, text, arguments = "to sit without approval", "the approval of tech-lead is missing", ("promote", digest)
        refusal = Refusal(name, text, "sit", (*arguments, "--to", "sit"))
        self._by_hand.refuse(refusal)
        unapproved = self.pipelines.variables("promote-sit", release=digest)
        self._by_hand.refuse(refusal._replace(name=f"{name}, in a run that nobody reviewed"), **unapproved)

    def take_next(self, to: EnvironmentName, digest: str, approvals: str = "") -> None:
        """Take the next release to an environment by hand."""
        started = time.monotonic()
        if approvals:
            self._by_hand.look(to, digest)
        tested = self._by_hand.take(to, digest, approvals)
        self._add(to, digest, "hand", tested, approvals, time.monotonic() - started)

    def promote(self, to: EnvironmentName, digest: str, approvals: str) -> None:
        """Promote a release in GitHub."""
        run, outcome = self.pipelines.run(f"promote-{to}", REVIEWERS, release=digest)
        if not (self.pipelines.artifact(run, f"to-{to}.html") / f"to-{to}.html").is_file():
            raise StackError(f"the approvers of {to} had nothing to read")
        self._checks.require_live(to, digest)
        self._add_job(to, digest, outcome, "promote", approvals)

    def fail_canary(self, good: str, bad: str) -> None:
        """Promote a release that fails in prod only, and check that the canary rolls it back."""
        started = time.monotonic()
        text = "rolled back after 10 % of the traffic; "
        step = 'bin/release deploy "$RELEASE" --to prod "$CANARY"'
        refused = partial(self.pipelines.refused, "promote-prod", step, text, REVIEWERS, release=bad)
        with ThreadPoolExecutor(max_workers=1) as pool:
            deployment = pool.submit(refused)
            tested = self._checks.customers_of_canary(deployment.done)
        deployment.result()
        self._checks.require_live("prod", good)
        self._add("prod, canary rolled back", bad, "promote-prod", tested, BOTH, time.monotonic() - started)

    def roll_back_in_github(self, to: EnvironmentName, release: str) -> None:
        """Roll an environment back in GitHub."""
        _, outcome = self.pipelines.run("rollback", REVIEWERS, environment=to)
        seconds = next(each.seconds for each in outcome.ended if each.step.label.startswith("bin/release rollback "))
        if seconds > _ROLLBACK_SECONDS:
            raise StackError(f"the rollback of {to} took {seconds:.0f} s; the limit is {_ROLLBACK_SECONDS} s")
        self._checks.require_live(to, release)
        self._checks.order(to)
        self._add_job(f"{to}, rolled back", release, outcome, "rollback", TECH_LEAD)

    def roll_back_by_hand(self, to: EnvironmentName, release: str) -> None:
        """Roll an environment back by hand."""
        started = time.monotonic()
        tested = self._by_hand.roll_back(to)
        self._checks.require_live(to, release)
        self._checks.order(to)
        self._add(f"{to}, rolled back", release, "hand", tested, "", time.monotonic() - started)

    def go_to(self, environment: EnvironmentName, *digests: str) -> None:
        """Go to certain releases, one after the other."""
        for digest in digests:
            self._by_hand.follow("rollback", "Go to a certain release", environment, digest)
            self._checks.require_live(environment, digest)

    def fail_over(self, digest: str) -> None:
        """Lose prod's home region, and serve from the other region."""
        name = self._accounts.api_name("prod")
        orders = self._checks.lose_home_region()
        lost, started = datetime.now(UTC), time.monotonic()
        console.print("[yellow]![/] prod's home region is lost")
        with name.checked():
            _, outcome = self.pipelines.run("failover", REVIEWERS)
            self._checks.require_orders_in_failover(orders)
            # What customers know is the name: the service is back when it leads to the other region.
            poll(f"{name.name} to respond", lambda: name.get("/health").ok or None, _NAME_SECONDS)
        recovered = time.monotonic() - started
        self._checks.require_live("failover", digest)
        self._by_hand.fail_over()
        tested = f"{len(orders)} earlier orders and invoices, a new one; {passed(outcome.output_of('failover'))}"
        self._add("fail-over", digest, "failover", tested, TECH_LEAD, outcome.seconds_of("failover"))
        age = (lost - newest(orders)).total_seconds()
        console.print(
            f"RTO {recovered:.0f} s, from the loss until the fail-over was tested and {name.name} led to it "
            f"(agreed: below 3,600 s); a client that had just resolved the name waits up to {TTL_SECONDS} s more"
        )
        console.print(f"RPO: no order lost; the newest was {age:.1f} s old (agreed: below 300 s)")

    def require_everything(self) -> None:
        """Check that every command of the runbooks ran, and every step of the workflows that is not listed."""
        self._by_hand.require_followed()
        self.pipelines.report()


def _steps(rehearsal: Rehearsal) -> None:
    with ThreadPoolExecutor(max_workers=1) as pool:
        push = pool.submit(rehearsal.push)
        rehearsal.bootstrap()
        bad = rehearsal.make_next()
        good = push.result()
    rehearsal.refuse_unapproved(good)
    # As in real life, the next release is in an environment while this one is in the environment after it.
    _together(partial(rehearsal.take_next, "dev", bad), partial(rehearsal.promote, "sit", good, TECH_LEAD))
    _together(partial(rehearsal.take_next, "sit", bad, TECH_LEAD), partial(rehearsal.promote, "prod", good, BOTH))
    rehearsal.pipelines.run("drift")
    rehearsal.fail_canary(good, bad)
    _together(partial(rehearsal.roll_back_in_github, "sit", good), partial(rehearsal.roll_back_by_hand, "dev", good))
    rehearsal.go_to("dev", bad, good)
    rehearsal.fail_over(good)
    rehearsal.require_everything()


def _together(*steps: Callable[[], None]) -> None:
    """Run steps at the same time, and raise the error of the first that failed."""
    with ThreadPoolExecutor() as pool:
        futures = [pool.submit(step) for step in steps]
    for future in futures:
        future.result()


def _down() -> None:
    """Stop the accounts' engine, and the stacks of jobs that were interrupted."""
    for file in FOLDER.glob("**/stack.json"):
        down(stacks.load(file.parent))


def rehearse() -> None:
    """Run every step, and print a table of what was tested and approved; UserError if a step failed."""
    started = time.monotonic()
    manifest.commit()
    _down()
    shutil.rmtree(FOLDER, ignore_errors=True)
    folder, ports = FOLDER / "engine", {use: processes.free_port() for use in ("engine", "cart")}
    stack = Stack(folder, ports=ports, certificates=tls.make(folder / "tls"))
    try:
        MiniStack().start(stack)
        start_cart_stub(stack)
        rehearsal = Rehearsal(stack)
        with rehearsal.pipelines.serving():
            try:
                _steps(rehearsal)
            finally:
                console.print(rehearsal.table)
    finally:
        _down()
    minutes = (time.monotonic() - started) / 60
    console.print(f"Rehearsed in {minutes:.1f} minutes; the output of each step is in {display_path(FOLDER / 'logs')}")
