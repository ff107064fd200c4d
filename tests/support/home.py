"""Keeps a person's files in their home folder, those of git and .netrc, from every test."""

import os

import requests.sessions

os.environ |= {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    # A person may have allowed git to read a tree that is another user's, such as one in a container.
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "safe.directory",
    "GIT_CONFIG_VALUE_0": "*",
}
# The default entry of .netrc would replace each Authorization header. NETRC stays: packages may be downloaded with it.
requests.sessions.get_netrc_auth = lambda *_, **__: None
