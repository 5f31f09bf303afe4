"""The settings of one index: an engine, where it keeps the index, and an access rule."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from connectors.configured_path import ConfiguredPath
from connectors.secret_reference import Secret
from indexer.backends.opensearch.config import (
    AwsSignIn,
    CertificateSignIn,
    IndexOptions,
    OpenSearchConfig,
    PasswordSignIn,
    SignIn,
    VectorEngine,
    VectorQuantisation,
)
from indexer.search.analysis import ALGORITHMS, DEFAULT_LANGUAGES
from vocabulary.documents import DocumentId
from vocabulary.errors import ConfigurationError
from vocabulary.search import Boosts, Pin, Recency, Tuning

_URL = re.compile(r"https?://[^/@?#\s]+(/[^?#\s]*)?")
_SERVERLESS = re.compile(r"https?://[^/:]+\.aoss\.amazonaws\.com(\.cn)?([:/].*)?", re.IGNORECASE)
# What OpenSearch takes as a name, short enough for the number that the index behind an alias adds.
_Alias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=200)]
_OPTIONS = IndexOptions()
MOST_CHECKED_LATE = 100  # the largest page that the API gives


def _as_list(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _cluster_urls(urls: tuple[str, ...]) -> tuple[str, ...]:
    if not urls or not all(map(_URL.fullmatch, urls)):
        raise ValueError("expected https://host:port, without a name or password in it")
    if any(map(_SERVERLESS.fullmatch, urls)):
        raise ValueError(
            "expected no OpenSearch Serverless, which lacks what the engine needs (no refresh, and no id of "
            "one's own beside vectors): use a managed domain or a cluster"
        )
    return urls


def _known_language(code: str) -> str:
    if code not in ALGORITHMS:
        raise ValueError(f"expected languages of {', '.join(sorted(ALGORITHMS))}")
    return code


_Language = Annotated[str, AfterValidator(_known_language)]


class IndexAccess(StrEnum):
    """Who may query an index."""

    TOKEN = "token"  # noqa: S105 - the name of an access rule
    PUBLIC = "public"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _document_id(text: str) -> str:
    source, slash, native_id = text.partition("/")
    if not (source and slash and native_id):
        raise ValueError("expected SOURCE/ID, as answers show it")
    return text


class PinSettings(_Part):
    """Documents that head the answer to a query."""

    query: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1_000)]
    documents: Annotated[tuple[Annotated[str, AfterValidator(_document_id)], ...], Field(min_length=1, max_length=10)]


_Boost = Annotated[float, Field(ge=0.1, le=10)]


class BoostSettings(_Part):
    """What a match counts by where it stands, beside what it counts anyway."""

    title: _Boost = 1.0
    body: _Boost = 1.0
    attributes: _Boost = 1.0


class RecencySettings(_Part):
    """How much newer documents are preferred."""

    field: Annotated[str, StringConstraints(min_length=1, max_length=1_000)] = "modified_at"
    half_life_days: float = Field(default=180.0, gt=0, le=100_000)
    weight: float = Field(default=0.25, gt=0, le=10)


class CrossEncoderSettings(_Part):
    """A model that looks at the best hits of an answer once more."""

    path: ConfiguredPath
    top: int = Field(default=20, ge=2, le=100)
    timeout_s: float = Field(default=0.5, gt=0, le=10)


class RankingSettings(_Part):
    """What an operator adds to the ranking of one index."""

    pins: tuple[PinSettings, ...] = ()
    synonyms: ConfiguredPath | None = None
    boosts: BoostSettings | None = None
    recency: RecencySettings | None = None
    cross_encoder: CrossEncoderSettings | None = None

    def tuning(self) -> Tuning:
        """Return the same in the words of the backends, with the synonyms file read.

        Raises:
            ConfigurationError: the file cannot be read.
        """
        pins = tuple(
            Pin(pin.query, tuple(DocumentId(*each.split("/", maxsplit=1)) for each in pin.documents))
            for pin in self.pins
        )
        boosts, recency = self.boosts or BoostSettings(), self.recency
        return Tuning(
            pins,
            () if self.synonyms is None else _lines(self.synonyms),
            Boosts(title=boosts.title, body=boosts.body, attributes=boosts.attributes),
            None if recency is None else Recency(recency.field, recency.half_life_days, recency.weight),
        )


def _lines(file: Path) -> tuple[str, ...]:
    try:
        return tuple(file.read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        words = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigurationError(f"synonyms: {file}: {words}") from error


class _Index(_Part):
    """What every index has, whatever its engine. Where no access rule is stated, a token is asked for."""

    access: IndexAccess = IndexAccess.TOKEN
    languages: tuple[_Language, ...] = DEFAULT_LANGUAGES
    ranking: RankingSettings | None = None
    late_check: int = Field(default=0, ge=0, le=MOST_CHECKED_LATE)  # hits of a page; 0: none
    # Within what people take for an answer at once; an Alfresco near by answers ten hits in some hundred milliseconds.
    late_check_timeout_s: float = Field(default=2.0, gt=0, le=60)


class EmbeddedIndexSettings(_Index):
    """An index in a file of this machine."""

    engine: Literal["embedded"]
    path: ConfiguredPath

    def place(self, name: str) -> tuple[str, ...]:
        """Return the key that says where the index is kept, and the place: no two indexes share one."""
        return "path", str(self.path.resolve())

    def told(self, problem: str) -> str:
        """Put the key in front that a problem with opening the index is about."""
        return f"ranking.{problem}" if problem.startswith("synonyms") else f"path: {problem}"


class OpenSearchIndexSettings(_Index):
    """An index of an OpenSearch cluster."""

    engine: Literal["opensearch"]
    url: Annotated[tuple[str, ...], BeforeValidator(_as_list), AfterValidator(_cluster_urls)]
    alias: _Alias | None = None
    username: str | None = None
    password: Secret | None = None
    client_certificate: ConfiguredPath | None = None
    client_key: ConfiguredPath | None = None
    aws_region: str | None = None
    ca_certificate: ConfiguredPath | None = None
    request_timeout_s: float = Field(default=30.0, gt=0, le=600)
    shards: int = Field(default=_OPTIONS.shards, ge=1, le=1024)
    replicas: int = Field(default=_OPTIONS.replicas, ge=0, le=100)
    vector_engine: VectorEngine = _OPTIONS.vector_engine
    quantisation: VectorQuantisation = _OPTIONS.quantisation
    m: int = Field(default=_OPTIONS.m, ge=2, le=100)
    ef_construction: int = Field(default=_OPTIONS.ef_construction, ge=2, le=3200)
    ef_search: int = Field(default=_OPTIONS.ef_search, ge=10, le=10_000)

    @model_validator(mode="after")
    def _one_whole_sign_in(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together")
        if self.client_key is not None and self.client_certificate is None:
            raise ValueError("client_key needs a client_certificate")
        ways = (self.username, self.client_certificate, self.aws_region)
        if sum(way is not None for way in ways) > 1:
            raise ValueError("only one of username, client_certificate and aws_region says how to sign in")
        needs_tls = self.client_certificate is not None or self.ca_certificate is not None
        if needs_tls and any(url.startswith("http:") for url in self.url):
            raise ValueError("certificates need an https url")
        return self

    def place(self, name: str) -> tuple[str, ...]:
        """Return the key that says where the index is kept, and the place: no two indexes share one."""
        return "alias", self.config(name).alias, *sorted(self.url)

    def told(self, problem: str) -> str:
        """Put the key in front that a problem with opening the index is about, unless it names one itself."""
        if problem.startswith("synonyms"):
            return f"ranking.{problem}"
        named = problem.partition(": ")[0].split(", ")
        return problem if set(named) <= {"engine", *type(self).model_fields} else f"url: {problem}"

    def config(self, name: str, *, generation: int = 1) -> OpenSearchConfig:
        """Return what the engine needs to open a building of the index of this name."""
        return OpenSearchConfig(
            urls=self.url,
            alias=self.alias or f"sightline-{name}",
            generation=generation,
            sign_in=self._sign_in(),
            ca_certificate=self.ca_certificate,
            request_timeout_s=self.request_timeout_s,
            options=IndexOptions(
                shards=self.shards,
                replicas=self.replicas,
                vector_engine=self.vector_engine,
                quantisation=self.quantisation,
                m=self.m,
                ef_construction=self.ef_construction,
                ef_search=self.ef_search,
            ),
        )

    def _sign_in(self) -> SignIn | None:
        if self.username is not None and self.password is not None:
            return PasswordSignIn(self.username, self.password)
        if self.client_certificate is not None:
            return CertificateSignIn(self.client_certificate, self.client_key)
        return None if self.aws_region is None else AwsSignIn(self.aws_region)


IndexSettings: TypeAlias = Annotated[EmbeddedIndexSettings | OpenSearchIndexSettings, Field(discriminator="engine")]
