"""How LocalStack is started, and what a fake `docker` gets to do for a stack; `.ci/docker` runs it for real."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from localstack import engines, processes, up
from localstack.engines import localstack, localstack_host
from localstack.stack import Running, Stack, StackError
from tooling import dynamodb_local, machine
from tooling.commands import CommandError

# Lists one container, network or volume of each kind that has a label; records what it removes.
_FAKE = """#!/bin/sh
case "$*" in
  ps*compose.project=*) [ -n "$ENDED" ] || echo engine-id ;;
  ps*order-platform.stack=*) echo function-1 function-2 ;;
  "network ls"*) echo network-id ;;
  "volume ls"*) echo volume-id ;;
  image*) exit 1 ;;
  compose*) env > {folder}/environment; exec cat {folder}/compose ;;
  info*) ;;
  *) echo "$*" >> {folder}/calls ;;
esac
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a fake `docker`, first on PATH, and of what it records."""
    program = tmp_path / "docker"
    program.write_text(_FAKE.format(folder=tmp_path))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def test_each_stack_has_its_own_project() -> None:
    """Two stacks share neither project nor network nor volume, and a stack keeps its own."""
    names = {localstack.project(Path(name)) for name in ("/clone/build/local", "/clone/build/test")}
    assert len(names) == 2
    assert localstack.project(Path("/clone/build/local")) in names


def test_stop_removes_what_belongs_to_the_stack(folder: Path) -> None:
    """LocalStack is removed before its functions, then the network that they used, and the volume."""
    localstack.LocalStack().stop(Stack(folder))
    assert (folder / "calls").read_text().splitlines() == [
        "rm --force --volumes engine-id",
        "rm --force --volumes function-1 function-2",
        "network rm network-id",
        "volume rm volume-id",
    ]


def test_down_without_stack_file_removes_containers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`make down` removes the containers of a stack whose stack.json is lost."""
    monkeypatch.setenv("STACK_DIR", str(folder / "stack"))
    up.down()
    assert "rm --force --volumes function-1 function-2" in (folder / "calls").read_text()


def test_compose_gets_nothing_else_of_the_shell(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the shell's variables Compose gets those of Docker and the token."""
    for name in ("COMPOSE_FILE", "SMTP_HOST", "AWS_PROFILE", "http_proxy"):
        monkeypatch.setenv(name, "of the shell")
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/other.sock")
    monkeypatch.delenv("LOCALSTACK_AUTH_TOKEN", raising=False)
    (folder / "compose").touch()
    localstack._compose(Stack(folder, ports={"engine": 4566, "issuer": 4576}), "up")
    lines = (folder / "environment").read_text().splitlines()
    assert not any("of the shell" in line for line in lines)
    assert {"DOCKER_HOST=unix:///run/other.sock", "SMTP_HOST=", "ENGINE_PORT=4566"} <= set(lines)
    assert "ISSUER_URL=http://host.docker.internal:4576" in lines


def test_docker_without_compose_says_what_to_install(folder: Path) -> None:
    """Docker without its plugin for Compose is refused with the packages that have it."""
    (folder / "docker").write_text("#!/bin/sh\necho 'unknown flag: --project-name'\nexit 125\n")
    with pytest.raises(StackError, match="Docker lacks Compose 2: install docker-compose"):
        localstack._compose(Stack(folder), "up")
    (folder / "docker").write_text("#!/bin/sh\necho 'no space left on device'\nexit 1\n")
    with pytest.raises(CommandError, match=r"(?s)docker compose up failed:.no space left"):
        localstack._compose(Stack(folder), "up")


def test_busy_localstack_is_not_replaced(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A LocalStack that runs and does not respond is named, and stays; one that has ended is not taken for it."""
    engine, stack = localstack.LocalStack(), Stack(folder, engine="localstack", ports={"engine": 1})
    assert not engine.healthy(stack)
    with pytest.raises(StackError, match=r"the engine, container engine-id, runs but does not respond on port 1"):
        up._start(stack, engine, ())
    assert not (folder / "calls").exists()
    monkeypatch.setenv("ENDED", "1")
    assert engine.unresponsive(stack) is None
    assert not engine.healthy(stack)


def test_title_names_stand_ins(folder: Path) -> None:
    """The engine's title says if its images are not the real ones."""
    assert engines.title(localstack.LocalStack()) == "localstack"
    (folder / "docker").write_text(
        '#!/bin/sh\ncase "$3" in *stand-in*) echo \'[{"Config": {"Labels": null}}]\' ;; *) exit 1 ;; esac\n'
    )
    assert engines.title(localstack.LocalStack()) == "localstack (stand-in images)"


def test_localstack_without_docker_listens_on_loopback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LocalStack as a process serves 127.0.0.1 alone, and no DNS, whatever the shell has set."""
    for name in ("GATEWAY_LISTEN", "DNS_ADDRESS"):
        monkeypatch.setenv(name, "0.0.0.0")  # noqa: S104
    started = []

    def start(command: list[str], log: Path, environment: Mapping[str, str], cwd: Path) -> Running:
        started.append(environment)
        return Running(1, "")

    monkeypatch.setattr(processes, "start", start)
    monkeypatch.setattr(localstack_host, "require_java_and_npm", lambda: None)
    monkeypatch.setattr(machine, "install", lambda name: None)
    monkeypatch.setattr(dynamodb_local, "install", lambda: tmp_path)
    monkeypatch.setattr(dynamodb_local, "java_home", lambda: tmp_path)
    localstack_host.start_process(tmp_path / "engine", tmp_path / "log", 4566, {})
    (environment,) = started
    assert environment["GATEWAY_LISTEN"] == "127.0.0.1:4566"
    # Twisted, its other server, listens on all addresses; 0 is no DNS server.
    assert (environment["GATEWAY_SERVER"], environment["DNS_ADDRESS"]) == ("hypercorn", "0")
