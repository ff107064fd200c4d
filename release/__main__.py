"""`python -m release COMMAND`: builds packages, makes releases, and takes them from account to account."""

import argparse
import re
import sys
from pathlib import Path
from typing import Any

import boto3

from evidence import stages
from ops import incident
from release import approvals, deploy, history, manifest, promotion, rollback, terraform_state, traffic
from release.environments import ENVIRONMENTS, EnvironmentName
from release.packaging import build, isolation, libraries
from release.store import Store
from tooling.cli import ADVICE, run_cli
from tooling.paths import ROOT

_RELEASE = ROOT / "build" / "release"
_CANARY_PERCENT = 10


def _build() -> None:
    built = build.build_all()
    isolation.import_all(build.PACKAGES)
    for name in build.function_names():
        size = (build.PACKAGES / f"{name}.zip").stat().st_size
        print(f"{'built    ' if name in built else 'unchanged'} {name:<30} {size / 1e6:6.2f} MB")


def _show(found: manifest.Manifest) -> None:
    print(f"release  {found.digest()}\ncommit   {found.commit}")
    print(f"files    {len(found.files)}, {found.architecture}, Pango from {found.natives}")


def _approvals(text: str) -> dict[str, str]:
    pairs = [word.partition("=") for word in text.split()]
    if not all(role and name for role, _, name in pairs):
        raise argparse.ArgumentTypeError("is role=name for each, such as tech-lead=Thandi")
    return {role: name for role, _, name in pairs}


def _named_release(text: str) -> str:
    found = _release(text)
    if found is None:
        raise argparse.ArgumentTypeError("is missing: RELEASE=… of `make` takes the digest that `make release` printed")
    return found


def _release(text: str) -> str | None:
    if text and not re.fullmatch(r"[0-9a-f]{64}", text):
        raise argparse.ArgumentTypeError("is the SHA-256 of a release's manifest, 64 hexadecimal digits")
    return text or None


def _client(service: Any, to: EnvironmentName) -> Any:
    return boto3.client(service, region_name=ENVIRONMENTS[to].region)


def _store(to: EnvironmentName) -> Store:
    return Store(_client("s3", to), ENVIRONMENTS[to].release_bucket)


def _outputs(to: EnvironmentName) -> dict[str, Any]:
    return terraform_state.outputs(_client("s3", to), ENVIRONMENTS[to].state_bucket, ENVIRONMENTS[to].state_key)


def _promote(to: EnvironmentName, digest: str, given: dict[str, str]) -> manifest.Manifest:
    before = ENVIRONMENTS[to].before
    if before is None or to == "failover":
        raise promotion.EvidenceError(
            f"nothing is promoted to {to}: "
            + ("`make upload` puts a release there" if before is None else "what prod passed is replicated there")
        )
    approved = approvals.of_this_run(to) if approvals.in_github() else given
    source, target = _store(before), _store(to)
    promotion.require(source, digest, to, approved)
    copied = target.copy_from(source, digest)
    promotion.promoted(target, digest, to, approved)
    # The next pack begins with what the release has passed before.
    stages.copy(source, target, digest)
    stages.fetch(target, digest, stages.records_folder())
    return copied


def _digest(to: EnvironmentName, given: str | None) -> str:
    """The release to deploy: the one that is named; else in dev the one of this folder, in the fail-over prod's."""
    if given:
        return given
    if to == "dev":
        return manifest.read(_RELEASE / manifest.NAME).digest()
    live = history.live(_store(to), "prod") if to == "failover" else None
    if live is None:
        raise deploy.DeployError(f"name the release to deploy to {to}: `make deploy TO={to} RELEASE=…`")
    return live.release


def _require_promoted(to: EnvironmentName, digest: str) -> None:
    # Prod's own approvals hold for its fail-over.
    promotion.approvals_of(_store(to), digest, "prod" if to == "failover" else to)


def _plan(to: EnvironmentName, folder: Path, remove: list[str], var_files: list[Path]) -> deploy.Prepared:
    prepared = deploy.prepare(to, folder, remove, var_files)
    summary = prepared.summary
    print(f"release  {prepared.release}\nto       {prepared.environment}")
    print(f"plan     {summary.add} to add, {summary.change} to change, {summary.destroy} to destroy", flush=True)
    return prepared


def _shift(to: EnvironmentName, release: str, seconds: float) -> None:
    found, functions = _outputs(to), _client("lambda", to)
    names, alarms = list(found["function_names"].values()), list(found["alarm_names"])
    try:
        if ENVIRONMENTS[to].canary:
            moved = traffic.canary(functions, _client("cloudwatch", to), names, alarms, _CANARY_PERCENT, seconds)
        else:
            moved = traffic.finish(functions, names)
    except traffic.TrafficError:
        live = history.live(_store(to), to)
        if live:
            # Terraform has put the new templates already; the old versions are to have theirs.
            rollback.put_templates(
                _client("s3", to), found["templates_bucket"], _store(to), _store(to).manifest(live.release)
            )
        raise
    history.note(_store(to), to, release, "deploy", traffic.live_versions(functions, names))
    for name, move in moved.items():
        print(f"{name}: version {move.current} to {move.newest}")
    print(f"live     {len(moved)} of {len(names)} functions moved in {to}")


def _deploy(arguments: argparse.Namespace) -> None:
    to: EnvironmentName = arguments.to
    digest = _digest(to, arguments.release)
    _require_promoted(to, digest)
    folder = deploy.work_dir(to) / "release"
    _store(to).download(digest, folder)
    _plan(to, folder, arguments.remove, arguments.var_file)
    deploy.apply(to)
    print("applied", flush=True)
    _shift(to, digest, arguments.seconds)


def _record(to: EnvironmentName, junit: Path) -> promotion.Record:
    prepared = deploy.read(deploy.work_dir(to), to)
    release = _store(to).manifest(prepared.release)
    approved = promotion.approvals_of(_store(to), prepared.release, "prod" if to == "failover" else to)
    record = promotion.write(_store(to), release, to, promotion.tests_passed(junit), prepared.summary, approved)
    stages.upload(_store(to), prepared.release, stages.records_folder())
    return record


def _roll_back(to: EnvironmentName, digest: str | None) -> None:
    store, found = _store(to), _outputs(to)
    back_to = rollback.target(store, to, digest)
    done, templates = rollback.roll_back(_client("lambda", to), _client("s3", to), store, back_to, found)
    print(f"release  {done.release}\nlive     {len(done.versions)} functions in {to} have the versions of it again")
    print(f"templates {', '.join(templates) or 'are the same'}")


def _drift(to: EnvironmentName, var_files: list[Path]) -> int:
    live = history.live(_store(to), to)
    if live is None:
        print(f"nothing is deployed in {to}")
        return 0
    folder = deploy.work_dir(to) / "drift"
    _store(to).download(live.release, folder)
    changed = deploy.drift(to, folder, var_files)
    if not changed:
        print(f"{to} is as release {live.release[:12]} made it")
        return 0
    text = f"{to} differs from release {live.release[:12]}:\n" + "\n".join(changed)
    _client("sns", to).publish(
        TopicArn=_outputs(to)["alerts_topic_arn"], Subject=f"Drift in {to}: {len(changed)} resources", Message=text
    )
    print(text, file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m release", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, text: str, *options: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text)
        if "folder" in options:
            added.add_argument("--folder", type=Path, default=_RELEASE, help="of the release")
        if "to" in options:
            added.add_argument("--to", choices=tuple(ENVIRONMENTS), required=True, help="environment")
        if "release" in options:
            added.add_argument("--release", type=_named_release, required=True, help="digest of its manifest")
        if "release?" in options:
            added.add_argument("--release", type=_release, help="digest of its manifest")
        if "plan" in options:
            added.add_argument("--remove", action="append", default=[], help="address that may be deleted or replaced")
        if "plan" in options or "var-file" in options:
            added.add_argument(
                "--var-file", type=Path, action="append", default=[], help="of Terraform, for a rehearsal"
            )
        if "seconds" in options:
            added.add_argument("--seconds", type=float, default=600, help="to watch the canary in prod")
        return added

    command("build", "build what changed for this machine, and import each package alone")
    make = command("make", "make a release of the commit", "folder")
    make.add_argument("--architecture", choices=("arm64", "x86_64"), default="arm64")
    make.add_argument("--host-pango", action="store_true", help="leave Pango out of the invoice package: not for AWS")
    command("verify", "compare a release with its manifest", "folder")
    command("upload", "put a release into DEV's bucket", "folder")
    promote = command("promote", "copy a release to the next account's bucket", "to", "release")
    promote.add_argument("--approvals", type=_approvals, default={}, help="role=name for each; in GitHub it is asked")
    command("deploy", "download a release, plan it, apply the plan, shift", "to", "release?", "plan", "seconds")
    command("download", "make the folder of a release from an account's bucket", "to", "release", "folder")
    command("plan", "plan the deployment of a release, and keep the plan", "to", "folder", "plan")
    command("apply", "apply the plan that was kept", "to")
    command("shift", "give the traffic to the new versions, in prod 10 % first, watched by the alarms", "to", "seconds")
    record = command("record", "note that the release of the plan passed in an environment", "to")
    record.add_argument("--junit", type=Path, required=True, help="report of the end-to-end tests")
    command("rollback", "give traffic and templates back to a release that was live before", "to", "release?")
    command("history", "tell what had the traffic of an environment when", "to")
    incident.add_commands(lambda name, text: command(name, text, "to"))
    command("drift", "tell what differs from the release that is live, and raise the alert", "to", "var-file")
    return parser


def main() -> int:
    """Run a command; returns the exit status."""
    arguments = _parser().parse_args()
    match arguments.command:
        case "build":
            _build()
        case "make":
            natives: libraries.Natives = "host" if arguments.host_pango else "lambda-image"
            _show(manifest.make(arguments.folder, arguments.architecture, natives))
        case "verify":
            _show(manifest.verify(arguments.folder))
        case "upload":
            _show(_store("dev").upload(arguments.folder))
        case "promote":
            _show(_promote(arguments.to, arguments.release, arguments.approvals))
        case "deploy":
            _deploy(arguments)
        case "download":
            _show(_store(arguments.to).download(arguments.release, arguments.folder))
        case "plan":
            _plan(arguments.to, arguments.folder, arguments.remove, arguments.var_file)
        case "apply":
            deploy.apply(arguments.to)
        case "shift":
            _shift(arguments.to, deploy.read(deploy.work_dir(arguments.to), arguments.to).release, arguments.seconds)
        case "record":
            print(_record(arguments.to, arguments.junit).json(indent=2))
        case "rollback":
            _roll_back(arguments.to, arguments.release)
        case "history":
            for found in history.newest_first(_store(arguments.to), arguments.to):
                print(f"{found.at:%Y-%m-%dT%H:%M:%SZ} {found.kind:<8} {found.release}")
        case "drift":
            return _drift(arguments.to, arguments.var_file)
        case command if command in incident.COMMANDS:
            to = arguments.to
            print(*incident.run(arguments, incident.Account(lambda name: _client(name, to), _outputs(to))), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(run_cli(main, ADVICE))
