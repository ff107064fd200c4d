"""Takes releases from account to account with the commands of the runbooks, as a person does without GitHub."""

import os
import re
import shutil
from pathlib import Path
from typing import NamedTuple

from labs.rehearsal import stand_ins
from labs.rehearsal.accounts import Accounts
from labs.rehearsal.checks import TEMPLATE
from labs.rehearsal.commands import Commands
from labs.rehearsal.pipelines import LINKS, options
from labs.rehearsal.shortened import SOME_TESTS
from localstack.stack import StackError
from localstack.up import console
from release import manifest
from release.environments import EnvironmentName
from tooling import documents
from tooling.paths import ROOT

# Fails only in prod, so that only the canary finds it.
_SABOTAGE = """

_sound = lambda_handler


def lambda_handler(event: dict[str, Any], context: Any) -> Any:
    if os.environ["ORDERS_TABLE"].endswith("-prod") and event["path"] != "/":
        raise RuntimeError("sabotaged")
    return _sound(event, context)
"""


class Refusal(NamedTuple):
    """A command of `bin/release` that must be refused with a text, as the job of an environment."""

    name: str
    text: str
    to: EnvironmentName
    arguments: tuple[str, ...]


def sabotage(checkout: Path) -> None:
    """Check this commit out into a folder, and commit a change that fails in prod only."""
    stand_ins.clone(str(ROOT), checkout, manifest.commit(), LINKS)
    handler, template = checkout / "functions" / "get_order" / "handler.py", checkout / "templates" / TEMPLATE
    handler.write_text(f"import os\nfrom typing import Any\n\n{handler.read_text()}{_SABOTAGE}")
    template.write_text(template.read_text() + "<!-- sabotaged -->\n")
    author = ("-c", "user.name=rehearsal", "-c", "user.email=rehearsal@example.com")
    stand_ins.git("-C", str(checkout), *author, "commit", "--quiet", "--all", "--message=Sabotage prod")


class ByHand:
    """Runs the commands of the runbooks in a checkout, with the roles of an engine's accounts."""

    def __init__(self, checkout: Path, commands: Commands, accounts: Accounts, cart_url: str) -> None:
        self._checkout, self._commands, self._accounts = checkout, commands, accounts
        self._options, self._tests = (
            options(accounts),
            {"E2E_CART_URL": cart_url, "TEST_ARGUMENTS": f"-k '{SOME_TESTS}'"},
        )

    def follow(
        self, page: str, heading: str, to: EnvironmentName, release: str = "", job: str | None = None, **more: str
    ) -> str:
        """Run commands of a runbook as the job of an environment, perhaps for a release, and return their output."""
        chosen = {"TARGET": to, "RELEASE": release, **self._options, **more}
        name = f"{heading.lower()}, {to}{f', {release[:12]}' if release else ''}"
        return self._commands.follow(name, page, heading, self._accounts.sign_in(to, job), **chosen)

    def make(self) -> str:
        """Make a release of the checkout, and return its digest."""
        self._commands.follow("make a release", "deployment", "Make a release", os.environ, **self._options)
        return manifest.read(self._checkout / "build" / "release" / manifest.NAME).digest()

    def upload(self) -> None:
        """Upload the release to dev, once a folder with a byte more was refused."""
        changed = self._checkout / "build" / "changed"
        shutil.copytree(self._checkout / "build" / "release", changed)
        with (changed / "packages" / "get_order.zip").open("ab") as package:
            package.write(b"\0")
        arguments = ("upload", "--folder", str(changed))
        self.refuse(Refusal("a changed byte", "packages/get_order.zip has digest", "dev", arguments))
        self.follow("deployment", "Put a release into dev", "dev")

    def take(self, to: EnvironmentName, digest: str, approvals: str = "") -> str:
        """Promote a release if it has approvals, deploy it, test it, and write the evidence; returns what passed."""
        if approvals:
            self.follow("deployment", "Promote a release", to, digest, APPROVALS=approvals)
        self.follow("deployment", "Deploy a release", to, digest)
        output = self.follow(
            "deployment", "Prove that the release works", to, digest, REPORT="build/e2e.xml", **self._tests
        )
        self.follow("deployment", "Write the evidence", to, digest, REPORT="build/e2e.xml")
        return passed(output)

    def look(self, to: EnvironmentName, digest: str) -> None:
        """Look for drift, query the logs as on-call does, and render what approvers of a release read."""
        self.follow("deployment", "Look for drift", to, job=f"{to}-drift")
        root = self._accounts.root(to)
        self._commands.follow(f"look at {to}", "operations", "Look at the day", root, TARGET=to)
        self.follow("deployment", "See what is promoted", to, digest, job=f"{to}-drift")

    def roll_back(self, to: EnvironmentName) -> str:
        """Roll an environment back to the previous release, and test it; returns what passed."""
        self.follow("rollback", "Look at what is live", to)
        self.follow("rollback", "Roll back", to)
        return passed(self.follow("rollback", "Prove that the rollback holds", to, **self._tests))

    def fail_over(self) -> None:
        """Deploy and test the fail-over, and hold the API's name there; nothing else changes if it serves already."""
        self.follow("disaster-recovery", "Deploy the fail-over", "failover")
        self.follow("disaster-recovery", "Hold the name in the other region", "failover")
        self.follow("disaster-recovery", "Prove that the fail-over serves", "failover", **self._tests)

    def refuse(self, *refusals: Refusal, **variables: str) -> None:
        """Check that commands are refused."""
        for name, text, to, arguments in refusals:
            self._commands.refused(name, text, *arguments, environment=self._accounts.sign_in(to) | variables)

    def require_followed(self) -> None:
        """Check that every command of the runbooks that needs accounts was run, and print how many there were."""
        required = [block for block in documents.runbook_blocks() if block.rehearsed]
        left = [f"{block.page}, {block.heading}" for block in required if block not in self._commands.followed]
        if left:
            raise StackError(f"runbook blocks that were not rehearsed: {'; '.join(left)}")
        runs, commands = (sum(len(block.commands) for block in each) for each in (self._commands.followed, required))
        console.print(f"runbook commands executed: all {commands} that need accounts, in {runs} runs")


def passed(output: str) -> str:
    """How many tests passed, by the summaries of pytest."""
    return f"{sum(map(int, re.findall(r'^=.*?(\d+) passed', output, re.MULTILINE)))} end-to-end tests"
