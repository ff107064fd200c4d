"""`python -m release COMMAND`: builds packages, makes releases, and takes them from account to account."""

import argparse
import sys
from pathlib import Path

import boto3

from release import build, deploy, docker, evidence, isolation, manifest, traffic
from release.store import Store, bucket_name

_RELEASE = build.ROOT / "build" / "release"
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


def _approval(text: str) -> tuple[str, str]:
    role, _, name = text.partition("=")
    if not name:
        raise argparse.ArgumentTypeError("is role=name, such as tech-lead=Thandi")
    return role, name


def _record(environment: evidence.Environment, junit: Path, approvals: dict[str, str]) -> evidence.Record:
    prepared = deploy.read(deploy.work_dir(environment), environment)
    store = Store(boto3.client("s3"), bucket_name(environment))
    release = store.manifest(prepared.release)
    return evidence.write(store, release, environment, evidence.tests_passed(junit), prepared.summary, approvals)


def _shift(environment: evidence.Environment, seconds: float) -> None:
    outputs, functions = deploy.outputs(environment), boto3.client("lambda")
    names, alarms = list(outputs["function_names"].values()), list(outputs["alarm_names"])
    if environment == "prod":
        moved = traffic.canary(functions, boto3.client("cloudwatch"), names, alarms, _CANARY_PERCENT, seconds)
    else:
        moved = traffic.finish(functions, names)
    for name, move in moved.items():
        print(f"{name}: version {move.current} to {move.newest}")
    print(f"{len(moved)} of {len(names)} functions moved in {environment}")


def _plan(prepared: deploy.Prepared) -> None:
    summary = prepared.summary
    print(f"release  {prepared.release}\nto       {prepared.environment}")
    print(f"plan     {summary.add} to add, {summary.change} to change, {summary.destroy} to destroy")


def _promote(to: evidence.Environment, digest: str, approvals: dict[str, str]) -> manifest.Manifest:
    client = boto3.client("s3")
    before = evidence.BEFORE[to]
    if before is None:
        raise evidence.EvidenceError(f"nothing is promoted to {to}: `python -m release upload` puts a release there")
    source = Store(client, bucket_name(before))
    evidence.require(source, digest, to, approvals)
    return Store(client, bucket_name(to)).copy_from(source, digest)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m release", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, text: str, *options: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text)
        if "folder" in options:
            added.add_argument("--folder", type=Path, default=_RELEASE, help="of the release")
        if "to" in options:
            added.add_argument("--to", choices=tuple(evidence.BEFORE), required=True, help="environment")
        if "release" in options:
            added.add_argument("--release", required=True, help="digest of its manifest")
        if "approval" in options:
            added.add_argument("--approval", type=_approval, action="append", default=[], help="role=name, for each")
        return added

    command("build", "build what changed for this machine, and import each package alone")
    make = command("make", "make a release of the commit", "folder")
    make.add_argument("--architecture", choices=("arm64", "x86_64"), default="arm64")
    make.add_argument("--host-pango", action="store_true", help="leave Pango out of the invoice package: not for AWS")
    command("verify", "compare a release with its manifest", "folder")
    command("upload", "put a release into DEV's bucket", "folder")
    command("promote", "copy a release to the next account's bucket", "to", "release", "approval")
    command("download", "make the folder of a release from an account's bucket", "to", "release", "folder")
    plan = command("plan", "plan the deployment of a release, and keep the plan", "to", "folder")
    plan.add_argument("--remove", action="append", default=[], help="address that may be deleted or replaced")
    command("apply", "apply the plan that was kept", "to")
    shift = command("shift", "give the traffic to the new versions: in prod 10 % first, watched by the alarms", "to")
    shift.add_argument("--seconds", type=float, default=600, help="to watch in prod")
    record = command("record", "note that the release of the plan passed in an environment", "to", "approval")
    record.add_argument("--junit", type=Path, required=True, help="report of the end-to-end tests")
    return parser


def main() -> int:
    """Run a command; errors are sentences and exit status 1."""
    arguments = _parser().parse_args()
    try:
        match arguments.command:
            case "build":
                _build()
            case "make":
                natives: build.Natives = "host" if arguments.host_pango else "lambda-image"
                _show(manifest.make(arguments.folder, arguments.architecture, natives))
            case "verify":
                _show(manifest.verify(arguments.folder))
            case "upload":
                _show(Store(boto3.client("s3"), bucket_name("dev")).upload(arguments.folder))
            case "download":
                _show(
                    Store(boto3.client("s3"), bucket_name(arguments.to)).download(arguments.release, arguments.folder)
                )
            case "plan":
                _plan(deploy.prepare(arguments.to, arguments.folder, arguments.remove))
            case "apply":
                _plan(deploy.apply(arguments.to))
            case "shift":
                _shift(arguments.to, arguments.seconds)
            case "record":
                print(_record(arguments.to, arguments.junit, dict(arguments.approval)).json(indent=2))
            case "promote":
                _show(_promote(arguments.to, arguments.release, dict(arguments.approval)))
    except (
        build.BuildError,
        docker.DockerError,
        manifest.ManifestError,
        evidence.EvidenceError,
        deploy.DeployError,
        traffic.TrafficError,
    ) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
