"""Whose certificates are believed: the system's authorities, or only those of a configured file."""

from __future__ import annotations

import ssl
from pathlib import Path

from vocabulary.errors import SettingInvalid


def tls_context(url: str, ca_certificate: Path | None, *, setting: str) -> ssl.SSLContext:
    """Make what verifies the server of `url`; `setting` names the file in messages.

    Raises:
        SettingInvalid: the file cannot be read.
    """
    if not url.startswith("https:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody; loading the authorities takes a while
    if ca_certificate is None:
        return ssl.create_default_context()
    try:
        return ssl.create_default_context(cafile=str(ca_certificate))
    except OSError as cause:  # ssl.SSLError is one
        raise SettingInvalid(f"{setting}: {ca_certificate} cannot be read as PEM certificates") from cause
