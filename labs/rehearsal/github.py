"""GitHub's part of a workflow run: who approved it, tokens of its jobs, and the provenance that they signed."""

import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from labs.rehearsal.workflows import Workflows
from localstack.sidecars.json_server import JsonServer

REPOSITORY: Final = "kimmyai/bbws-order-lambda"
# Signs a token, given the name of the environment or none, and the audience.
Sign = Callable[[str, str], str]


@dataclass
class Run:
    """A run of a workflow.

    Args:
        reviewers: Who approves, by GitHub environment; an environment without a reviewer is not protected.
        reviews: The approvals so far, as GitHub's API has them.
        attested: SHA-256 of the files whose provenance was signed.
    """

    number: int
    workflow: str
    inputs: Mapping[str, str]
    reviewers: Mapping[str, str]
    reviews: list[dict[str, Any]] = field(default_factory=list)
    attested: list[str] = field(default_factory=list)


class GitHub(JsonServer):
    """The API that jobs call, on a free port of this machine."""

    verbose = False

    def __init__(self, workflows: Workflows, sign: Sign) -> None:
        super().__init__(0)
        self.token = secrets.token_hex(16)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self._workflows, self._sign = workflows, sign
        self._runs: dict[str, Run] = {}

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Respond to requests until the end of the block."""
        threading.Thread(target=self.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            self.shutdown()
            self.server_close()

    def start(self, workflow: str, inputs: Mapping[str, str], reviewers: Mapping[str, str]) -> Run:
        """Register a run."""
        run = Run(len(self._runs) + 1, workflow, inputs, reviewers)
        self._runs[str(run.number)] = run
        return run

    def response(self, method: str, path: list[str], body: Any) -> tuple[int, Any]:
        """Serve the reviews of a run, as GitHub does, and what the stand-ins of actions request."""
        *repository, what = path
        run = self._runs.get(path[-2]) if len(path) > 1 else None
        if run is None:
            return 404, {"message": "Not Found"}
        if (method, repository[:-1], what) == (
            "GET",
            ["repos", *REPOSITORY.split("/"), "actions", "runs"],
            "approvals",
        ):
            return 200, run.reviews
        if (method, repository[:-1]) != ("POST", ["runs"]):
            return 404, {"message": "Not Found"}
        workflow, job = body["workflow"], body["job"]
        environment = self._workflows.environment(workflow, job, run.inputs, body.get("role", ""))
        if what == "jobs":
            self._approve(run, environment)
            return 201, {"environment": environment}
        needed = {"attestations": ("attestations", "id-token")}.get(what, ("id-token",))
        permissions = self._workflows.permissions(workflow, job)
        lacking = [name for name in needed if permissions.get(name) != "write"]
        if lacking:
            return 403, {"message": f"{workflow}, {job} has no permission to write {' and '.join(lacking)}"}
        if what == "attestations":
            run.attested.append(body["sha256"])
            return 201, {}
        return 200, {"value": self._sign(environment, body["audience"])}

    def _approve(self, run: Run, environment: str) -> None:
        """Approve a job that starts in a protected environment: GitHub starts it no earlier."""
        if reviewer := run.reviewers.get(environment):
            review = {"state": "approved", "user": {"login": reviewer}, "environments": [{"name": environment}]}
            run.reviews.append(review)
