"""Certificates for a stack that speaks TLS, so that what refuses plain HTTP can be deployed to it."""

import os
from pathlib import Path

import certifi
import trustme

from localstack.stack import Certificates


def make(folder: Path) -> Certificates:
    """Make an authority, and a certificate of it for this machine, in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    bundle, certificate, key = (folder / f"{name}.pem" for name in ("bundle", "certificate", "key"))
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    trusted_anyway = os.environ.get("REQUESTS_CA_BUNDLE") or certifi.where()
    bundle.write_text(Path(trusted_anyway).read_text() + authority.cert_pem.bytes().decode())
    certificate.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
    key.write_bytes(issued.private_key_pem.bytes())
    return Certificates(str(bundle), str(certificate), str(key))
