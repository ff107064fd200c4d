"""The buckets of an account: releases, under the names of their digests (docs/release.md), and the live templates."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from botocore.exceptions import ClientError

from release import manifest
from release.manifest import Manifest, ManifestError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# The ends of templates' names; Terraform uploads the same files (terraform/main.tf, module templates_bucket).
TEMPLATES = (".html", ".txt")
_ABSENT = {"NoSuchKey", "NoSuchBucket", "404"}


class Store:
    """A bucket of releases or templates, with a client of S3 in its account."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self.bucket = bucket

    def exists(self) -> bool:
        """Whether the bucket exists."""
        try:
            self._client.head_bucket(Bucket=self.bucket)
        except ClientError as error:
            if error.response["Error"]["Code"] in _ABSENT:
                return False
            raise
        return True

    def read(self, key: str) -> bytes | None:
        """The bytes at a key; None if there is no such key."""
        try:
            return self._client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in _ABSENT:
                return None
            raise

    def write_once(self, key: str, content: bytes) -> None:
        """Put bytes at a key, unless it exists."""
        try:
            self._client.put_object(Bucket=self.bucket, Key=key, Body=content, IfNoneMatch="*")
        except ClientError as error:
            if error.response["Error"]["Code"] != "PreconditionFailed":
                raise

    def keys(self, prefix: str) -> list[str]:
        """The keys with a prefix, in order."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def manifest(self, digest: str) -> Manifest:
        """The manifest of a release.

        Raises ManifestError: the bucket does not have it, or its bytes do not match its name.
        """
        key = f"releases/{digest}.json"
        content = self.read(key)
        if content is None:
            raise ManifestError(
                f"there is no release {digest} in {self.bucket}: upload it, or promote it with `bin/release`"
            )
        if hashlib.sha256(content).hexdigest() != digest:
            raise ManifestError(f"{key} in {self.bucket} does not have the digest in its name")
        return manifest.parse(content, key)

    def file(self, name: str, digest: str) -> bytes:
        """The bytes of a file of a release, by their digest; the name is for the error.

        Raises ManifestError: the bucket does not have them, or they differ.
        """
        content = self.read(f"content/{digest}")
        if content is None:
            raise ManifestError(f"{name} ({digest}) is not in {self.bucket}")
        if hashlib.sha256(content).hexdigest() != digest:
            raise ManifestError(f"{name} in {self.bucket} is not what the manifest says: its digest is not {digest}")
        return content

    def upload(self, folder: Path) -> Manifest:
        """Put the release in a folder into the bucket; safe to repeat.

        Raises ManifestError: the folder differs from its manifest.
        """
        found = manifest.verify(folder)
        self._write_release(found, lambda name, _: (folder / name).read_bytes())
        return found

    def copy_from(self, source: Store, digest: str) -> Manifest:
        """Copy a release from the bucket of another account; safe to repeat.

        Raises ManifestError: a file is missing or differs; names it.
        """
        found = source.manifest(digest)
        self._write_release(found, source.file)
        return found

    def _write_release(self, release: Manifest, content: Callable[[str, str], bytes]) -> None:
        """Write the files of a release, whose content is found by name and digest, and its manifest."""
        for name, file in release.files.items():
            self.write_once(f"content/{file.sha256}", content(name, file.sha256))
        # Write the manifest last: a release with a manifest is complete.
        self.write_once(f"releases/{release.digest()}.json", release.encode())

    def download(self, digest: str, folder: Path) -> Manifest:
        """Download a release into a folder, which is emptied first.

        Raises ManifestError: a file is missing or differs; names it.
        """
        found = self.manifest(digest)
        shutil.rmtree(folder, ignore_errors=True)
        for name, file in found.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.file(name, file.sha256))
        (folder / manifest.NAME).write_bytes(found.encode())
        return manifest.verify(folder)

    def put_template(self, key: str, content: bytes) -> bool:
        """Put a template into this bucket, which keeps the old version; returns False if it is there already.

        The key is the path below templates/.
        """
        current = self.read(key)
        if current == content:
            return False
        kind = "html" if key.endswith(".html") else "plain"
        # A put without tags would remove Terraform's.
        tags = self._client.get_object_tagging(Bucket=self.bucket, Key=key)["TagSet"] if current is not None else []
        self._client.put_object(
            Bucket=self.bucket,
            Key=key,
            Body=content,
            ContentType=f"text/{kind}; charset=utf-8",
            Tagging=urlencode({tag["Key"]: tag["Value"] for tag in tags}),
        )
        return True

    def put_templates(self, source: Store, release: Manifest) -> list[str]:
        """Put the templates of a release from its bucket into this one; returns the keys that changed."""
        names = [name for name in release.files if name.startswith("templates/") and name.endswith(TEMPLATES)]
        contents = {name.removeprefix("templates/"): source.file(name, release.files[name].sha256) for name in names}
        return [key for key, content in contents.items() if self.put_template(key, content)]
