"""From the headers of a request to what they prove of its sender: the one place where a reader's word is believed.

In come `Credentials`, out come the claims of a reader, or `NotAuthenticated` with a short public reason. The way they
travel chooses the rules, once and for all: what `Authorization: Bearer` brings must be signed by a configured issuer
(`signed.py`), what `Authorization: Basic` brings is a statement of a trusted caller (`statements.py`), and neither is
ever read by the rules of the other.
"""

from __future__ import annotations

from service.tokens.credentials import READER_HEADER, Credentials
from service.tokens.verifier import TokenVerifier

__all__ = ["READER_HEADER", "Credentials", "TokenVerifier"]
