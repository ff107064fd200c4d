"""What the rehearsal leaves out of the workflows or shortens, and why; its output lists all of it."""

from typing import Final

# Steps by the beginning of what they run.
LEFT_OUT: Final = {
    "sudo apt-get ": "would install packages on this machine, which tooling/machine.py has checked",
    "command -v google-chrome ": "would install a browser on this machine, which tooling/machine.py has checked",
    "bin/test terraform": "takes two minutes with a mocked provider; the same code is applied in each account",
    "bin/test conformance --check": "takes two minutes, and compares the engine with AWS's documents, not accounts",
    "bin/test audit": "queries PyPI for every library, and what it finds changes any day",
    "bin/test provider": "downloads the newest provider 6, which is not locked",
    "bin/ops lab load ": "its 20 requests a second are what AWS must hold, not two accounts on one processor",
}

# Jobs of workflows that are never run, by workflow and job.
NOT_STARTED: Final = {
    ("conformance", "engines"): "runs every week, on other engines",
    ("conformance", "licensed"): "needs a token of LocalStack",
    ("bare-machine", "commands"): "runs every week, on bare machines of three systems",
}

# Jobs that only check the commit out.
LEFT_OUT_JOBS: Final = {("e2e", "localstack"): "takes minutes on a second engine, which has no accounts"}

# For a release that differs little from one on which all tests ran: these see the difference.
SOME_TESTS: Final = "order_flow or reachable or locking"

# Arguments of pytest, by workflow and job; a job that is not here runs all its tests.
FEWER_TESTS: Final = {
    ("test", "test"): "-k 'numbering or pricing or promotion or approvals'",
    ("e2e", "embedded"): f"-k '{SOME_TESTS}'",
    ("promote-sit", "promote"): f"-k '{SOME_TESTS}'",
    ("rollback", "rollback"): f"-k '{SOME_TESTS}'",
}


def reason_to_leave_out(workflow: str, job: str, script: str) -> str | None:
    """Why a step of a job that runs this script is left out; None if it is run."""
    of_job = None if script.endswith(" checkout") else LEFT_OUT_JOBS.get((workflow, job))
    return of_job or next((reason for start, reason in LEFT_OUT.items() if script.startswith(start)), None)
