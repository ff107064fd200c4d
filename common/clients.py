"""boto3 clients, one per use and process; handlers create theirs at import, so that a warm call creates none.

They share a session that loads botocore's data files in less time (docs/decisions/0012-cold-starts.md).
"""

from __future__ import annotations

import gzip
import json
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import boto3
import botocore.session
from botocore.config import Config
from botocore.loaders import JSONFileLoader, Loader

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_ses import SESClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

# Three attempts of at most 2 + 5 seconds each fit into a function's timeout of 30 s.
_CONFIG = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
# Checking parameters takes half the processor time of a transaction of ten orders, while others wait for the counter.
DYNAMODB_CONFIG = _CONFIG.merge(Config(parameter_validation=False))

_SERVICES = ["dynamodb", "s3", "ses", "sns", "sqs"]


class _PlainJson(JSONFileLoader):
    """Parses botocore's data files into plain dicts; OrderedDict takes twice as long."""

    def load_file(self, file_path: str) -> Any:
        """The content of the file with this path and a suffix; None if there is none."""
        for suffix, open_file in ((".json", open), (".json.gz", gzip.open)):
            with suppress(FileNotFoundError), open_file(file_path + suffix, "rb") as file:
                return json.loads(file.read())
        return None


class _Models(Loader):
    """Finds the models of the services above; botocore lists the folders of all its services for each client."""

    FILE_LOADER_CLASS = _PlainJson

    def list_available_services(self, type_name: str) -> list[str]:
        """The services that have clients here."""
        return _SERVICES


@cache
def session() -> boto3.Session:
    """The session of all clients. Botocore would compute their User-Agent twice for each request."""
    core = botocore.session.get_session()
    core.register_component("data_loader", _Models())
    made = boto3.Session(botocore_session=core)
    core.set_default_client_config(Config(user_agent=core.user_agent()))
    # Botocore would append it again.
    core.user_agent_extra = ""
    return made


@cache
def dynamodb() -> DynamoDBClient:
    return session().client("dynamodb", config=DYNAMODB_CONFIG)


@cache
def dynamodb_for_mail_records() -> DynamoDBClient:
    """The DynamoDB client for the idempotency records of mails; it retries until the function's time is up, since a
    mail without its record is sent again."""
    patient = Config(retries={"mode": "standard", "total_max_attempts": 8})
    return session().client("dynamodb", config=_CONFIG.merge(patient))


@cache
def dynamodb_without_retries() -> DynamoDBClient:
    """The DynamoDB client for writes that may fail: it gives up after at most two seconds."""
    quick = Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 1})
    return session().client("dynamodb", config=_CONFIG.merge(quick))


@cache
def s3() -> S3Client:
    return session().client("s3", config=_CONFIG)


@cache
def s3_for_links(addressing: str) -> S3Client:
    """The S3 client that presigns URLs for browsers: with the region's host name, since the global one redirects.

    The bucket's name is in the host name (`virtual`) or in the path (`path`).
    """
    style: Any = addressing
    config = Config(signature_version="s3v4", s3={"addressing_style": style})
    return session().client("s3", config=_CONFIG.merge(config))


def _encode_mail(params: dict[str, Any], **_: Any) -> None:
    """Encode the form of a request with a mail; botocore would do it twice, one character after the other."""
    form = params["body"]
    # Base64: three of its characters need an escape.
    mail = form.pop("RawMessage.Data").replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    params["body"] = f"{urlencode(form)}&RawMessage.Data={mail}".encode()


@cache
def ses() -> SESClient:
    """The SES client; it does not retry, since a retry after a lost response would send the mail twice."""
    client = session().client("ses", config=_CONFIG.merge(Config(retries={"total_max_attempts": 1})))
    client.meta.events.register("before-call.ses.SendRawEmail", _encode_mail)
    return client


@cache
def sns() -> SNSClient:
    return session().client("sns", config=_CONFIG)


@cache
def sqs() -> SQSClient:
    return session().client("sqs", config=_CONFIG)
