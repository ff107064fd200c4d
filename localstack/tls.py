"""Certificates for a stack with TLS, to which resources that refuse plain HTTP can be deployed."""

import os
from pathlib import Path

import certifi
import trustme

from localstack.stack import Certificates


def make(folder: Path) -> Certificates:
    """Create an authority, and a certificate for this machine issued by it, in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    bundle, certificate, key = (folder / f"{name}.pem" for name in ("bundle", "certificate", "key"))
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    trusted_already = os.environ.get("REQUESTS_CA_BUNDLE") or certifi.where()
    bundle.write_text(Path(trusted_already).read_text() + authority.cert_pem.bytes().decode())
    certificate.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
    key.write_bytes(issued.private_key_pem.bytes())
    return Certificates(str(bundle), str(certificate), str(key))
