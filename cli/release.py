"""`bin/release`: builds packages, makes releases, takes them from account to account, and renders their evidence.

What only some commands need is imported when they are called: all of it takes half a second.
"""

import re
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from evidence import stages
from release import deploy as deployments
from release import history as histories
from release import manifest, pipeline
from release import preflight as preflights
from release.environments import EnvironmentName
from release.packaging import build as packages
from release.packaging import isolation
from release.packaging.libraries import Architecture
from tooling.cli import ADVICE, run_cli
from tooling.program import new_program

app = new_program("Builds and releases. --to names the environment; docs/release.md describes the life of a release.")

Stage = Literal["local", "dev", "sit", "prod", "failover"]


def _digest(text: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise typer.BadParameter(
            "a release is named by its digest, the 64 hexadecimal digits that `make release` printed"
        )
    return text


def _maybe_digest(text: str) -> str:
    # A workflow passes an empty text on.
    return text and _digest(text)


def _approvals(text: str) -> dict[str, str]:
    pairs = [word.partition("=") for word in text.split()]
    if not all(role and name for role, _, name in pairs):
        raise typer.BadParameter("give role=name for each, such as tech-lead=Thandi")
    return {role: name for role, _, name in pairs}


_TO = typer.Option("--to", "--target", help="Environment.")
To = Annotated[EnvironmentName, _TO]
Digest = Annotated[str, typer.Argument(parser=_digest, metavar="DIGEST", help="Digest of the release's manifest.")]
MaybeDigest = Annotated[
    str | None, typer.Argument(parser=_maybe_digest, metavar="[DIGEST]", help="Digest of the manifest.")
]
Folder = Annotated[Path, typer.Option(help="Folder of the release.")]
VarFiles = Annotated[
    list[Path] | None,
    typer.Option(envvar="REHEARSAL_VAR_FILE", help="Further variable file of Terraform; `make rehearse` sets it."),
]
Target = Annotated[Stage, typer.Option(help="Environment of the tests.")]
ArchitectureOption = Annotated[
    Architecture, typer.Option(envvar="REHEARSAL_ARCHITECTURE", help="Architecture of the functions.")
]
HostPango = Annotated[
    bool,
    typer.Option("--host-pango", envvar="REHEARSAL_HOST_PANGO", help="Leave out Pango: no Docker needed, not for AWS."),
]
Remove = Annotated[list[str] | None, typer.Option(help="Address of a resource that may be deleted or replaced.")]
Seconds = Annotated[
    float,
    typer.Option(envvar="REHEARSAL_CANARY_SECONDS", help="How long to watch prod's canary; `make rehearse` sets it."),
]

AllowQuietCanary = Annotated[
    bool, typer.Option(help="Accept a canary of prod with too few calls to judge it; the history records this.")
]


def _show(found: manifest.Manifest) -> None:
    print(f"release  {found.digest()}\ncommit   {found.commit}")
    print(f"files    {len(found.files)}, {found.architecture}, Pango from {found.natives}")


def _show_plan(prepared: deployments.Prepared) -> None:
    summary = prepared.summary
    print(f"release  {prepared.release}\nto       {prepared.environment}")
    print(f"plan     {summary.add} to add, {summary.change} to change, {summary.destroy} to destroy", flush=True)


def _settle(to: EnvironmentName) -> int:
    settled = pipeline.settle(to)
    for name, (had, version) in settled.items():
        print(f"settled  {name}: from {had} to version {version}, which is live", flush=True)
    return len(settled)


def _shift(to: EnvironmentName, digest: str, seconds: float, allow_quiet_canary: bool) -> None:
    moved = pipeline.shift(to, digest, seconds, allow_quiet_canary)
    for name, move in moved.items():
        calls = "" if move.calls is None else f", {move.calls} calls in the canary, none failed"
        print(f"{name}: version {move.current} to {move.newest}{calls}")
    print(f"live     {len(moved)} functions moved in {to}")


@app.command()
def build() -> None:
    """Build the packages that changed into build/packages, and import each in isolation."""
    built = packages.build_all()
    isolation.import_all(packages.PACKAGES)
    for name in packages.function_names():
        size = (packages.PACKAGES / f"{name}.zip").stat().st_size
        print(f"{'built    ' if name in built else 'unchanged'} {name:<30} {size / 1e6:6.2f} MB")


@app.command()
def make(
    folder: Folder = pipeline.RELEASE_FOLDER, architecture: ArchitectureOption = "arm64", host_pango: HostPango = False
) -> None:
    """Make a release of the commit in build/release."""
    _show(manifest.make(folder, architecture, "host" if host_pango else "lambda-image"))


@app.command()
def verify(folder: Folder = pipeline.RELEASE_FOLDER) -> None:
    """Compare a release with its manifest."""
    _show(manifest.verify(folder))


@app.command()
def upload(folder: Folder = pipeline.RELEASE_FOLDER) -> None:
    """Upload a release to the release bucket of dev."""
    _show(pipeline.store("dev").upload(folder))


@app.command()
def promote(
    digest: Digest,
    to: To,
    approvals: Annotated[
        dict[str, str] | None,
        typer.Option(
            parser=_approvals, metavar="ROLE=NAME", help="Who approved; GitHub Actions uses its own reviews instead."
        ),
    ] = None,
) -> None:
    """Copy a release and its records to the bucket of the next environment."""
    copied = pipeline.promote(to, digest, approvals or {})
    # The next pack begins with what the release has passed before.
    target = pipeline.store(to)
    stages.copy(pipeline.store(pipeline.environment_before(to)), target, digest)
    stages.fetch(target, digest, stages.records_folder())
    _show(copied)


@app.command()
def deploy(
    to: To,
    digest: MaybeDigest = None,
    remove: Remove = None,
    var_file: VarFiles = None,
    seconds: Seconds = pipeline.CANARY_SECONDS,
    allow_quiet_canary: AllowQuietCanary = False,
) -> None:
    """Download, plan and apply a release, and shift the traffic to it; settle what a deployment that died left."""
    chosen = pipeline.release_to_deploy(to, digest)
    _settle(to)
    _show_plan(pipeline.plan(to, chosen, remove or [], var_file or []))
    deployments.apply(to)
    print("applied", flush=True)
    _shift(to, chosen, seconds, allow_quiet_canary)


@app.command()
def download(digest: Digest, to: To, folder: Folder = pipeline.RELEASE_FOLDER) -> None:
    """Download a release from the bucket of an environment into a folder."""
    _show(pipeline.store(to).download(digest, folder))


@app.command()
def plan(to: To, folder: Folder = pipeline.RELEASE_FOLDER, remove: Remove = None, var_file: VarFiles = None) -> None:
    """Plan the deployment of a release in a folder, and keep the plan."""
    _show_plan(deployments.prepare(to, folder, remove or [], var_file or []))


@app.command(name="apply")
def apply_plan(to: To) -> None:
    """Apply the plan that `plan` kept, and no other."""
    deployments.apply(to)


@app.command()
def shift(to: To, seconds: Seconds = pipeline.CANARY_SECONDS, allow_quiet_canary: AllowQuietCanary = False) -> None:
    """Shift the traffic to the new versions: in prod 10 % first, while calls and alarms are watched."""
    _shift(to, deployments.read_plan(to).release, seconds, allow_quiet_canary)


@app.command()
def settle(to: To) -> None:
    """Return traffic and templates to the live release where a deployment died while it moved it."""
    if not _settle(to):
        print(f"all traffic of {to} goes to its live release")


@app.command()
def unlock(to: To, lock: Annotated[str, typer.Argument(metavar="LOCK", help="ID of the lock.")]) -> None:
    """Release the lock that a killed Terraform left on the state of an environment."""
    print(deployments.unlock(to, lock), end="")


@app.command()
def record(to: To, report: Annotated[Path, typer.Option(help="JUnit report of the end-to-end tests.")]) -> None:
    """Record that the deployed release passed its tests in an environment."""
    stages.require_whole(stages.records_folder(), to)
    written = pipeline.record(to, report)
    stages.upload(pipeline.store(to), written.release, stages.records_folder())
    print(written.json(indent=2))


@app.command()
def rollback(to: To, digest: MaybeDigest = None) -> None:
    """Return traffic and templates to the previous release, or to another that was live."""
    done, templates = pipeline.roll_back(to, digest or None)
    print(f"release  {done.release}\nlive     {len(done.versions)} functions in {to} have its versions again")
    print(f"templates {', '.join(templates) or 'unchanged'}")


@app.command()
def drift(to: Annotated[Stage, _TO], var_file: VarFiles = None) -> None:
    """Show what differs from the live release, or locally from this tree; publish an alert if something does."""
    if to == "local":
        from cli import stack

        stack.drift()
        return
    found = pipeline.drift(to, var_file or [])
    if found is None:
        print(f"nothing is deployed in {to}")
    elif not found.lines:
        print(f"{to} is as release {found.planned.release[:12]} made it")
    else:
        # Printed first: a role that may look but not publish shows them too.
        print(found, file=sys.stderr, flush=True)
        pipeline.publish_drift(to, found)
        raise typer.Exit(1)


@app.command()
def preflight(to: To) -> None:
    """Check that an account has what a deployment needs, as docs/first-account.md describes; changes nothing."""
    found = list(preflights.checks(preflights.clients(to), to))
    for check in found:
        print(f"{'✗' if check.missing else '✓'} {check.name}{f': {check.missing}' if check.missing else ''}")
    if any(check.missing for check in found):
        raise typer.Exit(1)


@app.command()
def history(to: To) -> None:
    """Show which releases were live in an environment, and since when."""
    for found in histories.newest_first(pipeline.store(to), to):
        quiet = " (with a quiet canary)" if found.quiet_canary else ""
        print(f"{found.at:%Y-%m-%dT%H:%M:%SZ} {found.kind:<8} {found.release}{quiet}")


@app.command()
def pack(digest: Digest, to: To, var_file: VarFiles = None) -> None:
    """Render the evidence pack that approvers read before a promotion, with the plan."""
    from evidence import pack as packs

    packs.write_for_approval(to, digest, var_file or [])


@app.command()
def evidence(target: Target = "local") -> None:
    """Render the evidence of the last end-to-end tests again, in build/evidence/index.html."""
    from evidence import pack as packs

    packs.write(target, stages.evidence_folder() / "index.html")


@app.command()
def summary(
    target: Target = "local",
    to: Annotated[EnvironmentName | None, typer.Option(help="Environment to approve the release for.")] = None,
) -> None:
    """Write a summary of the evidence to the page of the workflow run."""
    from evidence import pack as packs

    print(packs.write_summary(target, to), end="")


@app.command()
def openapi() -> None:
    """Write docs/openapi.json and docs/api.md, which describe the API, from the code."""
    from release.openapi import files

    files.write()


if __name__ == "__main__":
    sys.exit(run_cli(lambda: app(prog_name="release"), ADVICE))
