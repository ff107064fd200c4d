"""The session that makes the functions' clients: the same clients as boto3's own, made in less time."""

from pathlib import Path

import boto3
import pytest
from botocore.loaders import JSONFileLoader, Loader

from common import clients

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
