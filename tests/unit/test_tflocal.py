"""The lines that put a shell on a local stack."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from localstack import tflocal
from tooling.machine import PROGRAMS

# Prints what a shell passes on to a program.
_SHOW = f"{sys.executable} -c 'import json, os; print(json.dumps(dict(os.environ)))'"


@pytest.mark.parametrize("shell", ["sh", "bash", "zsh"])
def test_script_leaves_nothing_of_the_shell_in_force(shell: str) -> None:
    """A shell that is signed in to an account, and has settings for Terraform, has those of the stack alone."""
    if shutil.which(shell) is None:
        pytest.skip(f"this machine has no {shell}")
    hostile = {
        **{"AWS_PROFILE": "prod", "AWS_SESSION_TOKEN": "t", "AWS_ENDPOINT_URL_S3": "https://mine.example"},
        **{"TF_WORKSPACE": "prod", "TF_VAR_log_level": "DEBUG", "TF_CLI_ARGS_plan": "-refresh=false"},
        **{"NO_PROXY": ".corp", "TF_DATA_DIR": "/mine"},
    }
    kept = {"TF_PLUGIN_MIRROR": "/mirror", "MINE": "two\nAWS_PROFILE and MORE=lines", "MORE": "mine"}
    variables = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "TF_DATA_DIR": "/a b/$c", "NO_PROXY": ".corp,127.0.0.1"}
    lines = "\n".join(tflocal.script(variables))
    printed = subprocess.check_output(
        [shell, "-euc", f'eval "$LINES_OF_ENV"; {_SHOW}'],
        env={"PATH": os.environ["PATH"], **hostile, **kept, "LINES_OF_ENV": lines},
        text=True,
        timeout=60,
    )
    seen = json.loads(printed)
    others = {name: value for name, value in seen.items() if name.startswith(("AWS_", "TF_", "NO_PROXY"))}
    assert others == variables | {"TF_PLUGIN_MIRROR": "/mirror"}
    assert kept.items() <= seen.items()
    assert seen["PATH"].startswith(f"{PROGRAMS}:")
