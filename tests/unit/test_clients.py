"""The session that makes the functions' clients: the same clients as boto3's own, made in less time."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import boto3
import pytest
from botocore.loaders import JSONFileLoader, Loader

from common import clients
from tests.support.sdk_events import on

FILES = ("endpoints", "dynamodb/2012-08-10/service-2", "dynamodb/2012-08-10/waiters-2", "no-such-file")


@pytest.mark.parametrize("name", FILES)
def test_data_files_are_read_as_botocore_reads_them(name: str) -> None:
    """A plain file, a compressed file and a missing one have the content that botocore's own loader finds."""
    path = str(Path(Loader.BUILTIN_DATA_PATH) / name)
    loader = clients.session()._session.get_component("data_loader")
    assert loader.file_loader.load_file(path) == JSONFileLoader().load_file(path)


@pytest.mark.parametrize("service", ["dynamodb", "s3", "ses", "sns", "sqs"])
def test_client_has_the_endpoint_and_operations_of_boto3(service: str) -> None:
    """A client of the session is the one that boto3.client makes."""
    ours, plain = clients.session().client(service), boto3.client(service)  # type: ignore[call-overload]
    assert ours.meta.endpoint_url == plain.meta.endpoint_url
    assert ours.meta.method_to_api_mapping == plain.meta.method_to_api_mapping


class _SentError(Exception):
    """Has a request, in place of sending it."""


def _request(client: Any, operation: str, **parameters: Any) -> Any:
    """The request that a client would send."""

    def stop(request: Any, **_: Any) -> None:
        raise _SentError(request)

    with on(client, "before-send", stop), pytest.raises(_SentError) as sent:
        getattr(client, operation)(**parameters)
    return sent.value.args[0]


def test_mail_is_the_form_that_boto3_sends() -> None:
    """SES gets the same fields and the same mail, byte for byte, whatever characters it has."""
    mail: dict[str, Any] = {
        "Source": "Orders & more <orders@example.com>",
        "Destinations": ["jo+ann@acme.example", "ünï@acme.example"],
        # All bytes, and so every character of base64 and its padding.
        "RawMessage": {"Data": bytes(range(256)) * 40 + b"!"},
    }
    ours, plain = (_request(c, "send_raw_email", **mail) for c in (clients.ses(), boto3.client("ses")))
    assert parse_qs(ours.body.decode(), strict_parsing=True) == parse_qs(plain.body, strict_parsing=True)
    assert ours.headers["Content-Type"] == plain.headers["Content-Type"]
    assert ours.headers["Content-Length"] == str(len(ours.body))


def test_user_agent_names_the_sdk_once() -> None:
    """CloudTrail shows which versions of the SDK and of Python call."""
    agent = _request(clients.dynamodb(), "list_tables").headers["User-Agent"].decode()
    assert agent.startswith(f"Boto3/{boto3.__version__} Python/")
    assert agent.count("Botocore/") == 1
