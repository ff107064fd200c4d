"""What tests see of a person's shell."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tooling.paths import ROOT

_CLIENT = """
import json, os
import tests.support.environment as environment
import boto3
session = boto3.Session()
seen = [session.client("sts").meta.endpoint_url, session.get_credentials().token, os.environ.get("FORCE_COLOR")]
environment.sign_in()
print(json.dumps([seen, {name: value for name, value in os.environ.items() if name.startswith("AWS_")}]))
"""

_HOME = """
import json, os, subprocess, sys
import tests.support.home
import requests
for arguments in ("init -q", "-c user.name=a -c user.email=a@b commit -q --allow-empty -m first"):
    subprocess.run(["git", "-C", os.environ["HOME"], *arguments.split()], check=True)
request = requests.Request("GET", "http://127.0.0.1/", headers={"Authorization": "Bearer mine"})
print(json.dumps(requests.Session().prepare_request(request).headers["Authorization"]))
"""


def seen(script: str, **shell: str) -> Any:
    """What a script prints as JSON in a process of a shell with further variables."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "GIT_", "NETRC"))}
    command = [sys.executable, "-c", script]
    return json.loads(subprocess.check_output(command, cwd=ROOT, env=others | shell, timeout=60))


def test_tests_see_nothing_that_the_shell_sets_for_aws() -> None:
    """Clients of tests call an engine whatever profile and session a shell has, until a test signs in as the shell."""
    shell = {
        "AWS_PROFILE": "nobody-has-this",
        "AWS_SESSION_TOKEN": "mine",
        "AWS_ENDPOINT_URL_STS": "http://mine.example",
    }
    (endpoint, *others), after = seen(_CLIENT, **shell, FORCE_COLOR="1")
    assert endpoint.startswith("http://127.0.0.1:")
    assert others == [None, None]
    assert after == shell


def test_tests_see_nothing_of_a_home_folder(tmp_path: Path) -> None:
    """Tests commit whatever a person configures in git, also in another user's tree, and send the headers they set."""
    (tmp_path / ".gitconfig").write_text("[commit]\ngpgSign = true\n[gpg]\nprogram = false\n")
    (tmp_path / ".netrc").write_text("default login me password mine\n")
    assert seen(_HOME, HOME=str(tmp_path), GIT_TEST_ASSUME_DIFFERENT_OWNER="1") == "Bearer mine"
