"""Where an OpenSearch index is, how to sign in there, and how it is built when it is missing.

Imports nothing of opensearch-py: settings are read wherever the program runs, the library is installed only where such
an index is used (`sightline[opensearch]`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

from pydantic import SecretStr


class VectorEngine(StrEnum):
    """Which library of the k-NN plugin keeps the vectors."""

    LUCENE = "lucene"
    FAISS = "faiss"


class VectorQuantisation(StrEnum):
    """How a vector is kept beside its stored form for the search of neighbours."""

    NONE = "none"  # as float32
    SCALAR = "scalar"  # Lucene: 7 bits for each number; faiss: 16


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """What an index is created with; an existing one keeps what it has until it is built anew."""

    shards: int = 1
    replicas: int = 1
    vector_engine: VectorEngine = VectorEngine.LUCENE
    quantisation: VectorQuantisation = VectorQuantisation.NONE
    m: int = 16  # the plugin's default
    ef_construction: int = 128
    ef_search: int = 256


@dataclass(frozen=True, slots=True)
class PasswordSignIn:
    """HTTP Basic."""

    username: str
    password: SecretStr


@dataclass(frozen=True, slots=True)
class CertificateSignIn:
    """A client certificate, as PEM files; the key may be in the certificate's file."""

    certificate: Path
    key: Path | None = None


@dataclass(frozen=True, slots=True)
class AwsSignIn:
    """AWS Signature Version 4, for a managed domain: with the credentials that the AWS SDK finds about it."""

    region: str


SignIn: TypeAlias = PasswordSignIn | CertificateSignIn | AwsSignIn


@dataclass(frozen=True, slots=True)
class OpenSearchConfig:
    """One building of an index of a cluster.

    `alias` is the index's lasting name there, for whoever else looks: it leads to `<alias>-000001` at first, and to a
    later building once the index was built anew. Each building is reached by a handle of its own, an alias as well:
    what is written to one that is gone fails, where by its own name it would make a new index without our mapping.
    """

    urls: tuple[str, ...]
    alias: str
    generation: int = 1
    sign_in: SignIn | None = None
    ca_certificate: Path | None = None
    request_timeout_s: float = 30.0
    options: IndexOptions = field(default_factory=IndexOptions)

    @property
    def index(self) -> str:
        """The index itself, created where the handle leads nowhere."""
        return f"{self.alias}-{self.generation:06}"

    @property
    def handle(self) -> str:
        """The alias by which the engine reaches this building."""
        return f"{self.index}-handle"
