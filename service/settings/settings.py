"""The one settings tree, read once from `sightline.toml` and the environment, frozen from then on.

In come a file and environment variables; out goes `Settings`, or one `SettingsRefused` that names every problem by
the full path of its key. Unknown keys are refused, what could open a door by mistake (a token index without an
issuer) stops the start, and no message repeats a value: a value may be a secret that was typed into the wrong place.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationInfo,
)
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from connectors.configured_path import ConfiguredPath, resolve_path
from connectors.registry import CONNECTORS
from embedder import EmbedderConfig
from indexer.extract import ExtractionSettings
from indexer.judging.guard import ConfiguredRule
from indexer.sync import DELETE_BRAKE
from service.admin.key_config import AdminKeyConfig, Scope
from service.api_keys import KeyConfig, contradictions
from service.models.key_config import ModelKeyConfig
from service.settings.embedder import EmbedderSettings
from service.settings.environment import overlaid, setting_overrides
from service.settings.index_files import files_in_the_way
from service.settings.indexes import IndexAccess, IndexSettings
from service.settings.metrics import MetricsSettings
from service.settings.reading import Reading, read_toml
from service.settings.schedule import MODE_OF_KEY, SchedulerSettings, SourceSchedule
from service.settings.toxicity import ToxicitySettings
from service.tokens.config import JsonTokenConfig, TokenConfig
from vocabulary.errors import SettingInvalid, SettingMissing
from vocabulary.ports import SyncMode

_DATABASES = ("sqlite", "postgresql")

DEFAULT_FILE = "sightline.toml"
CONFIG_VARIABLE = "SIGHTLINE_CONFIG"

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=64)]
Share = Annotated[float, Field(gt=0, le=1)]


class SettingsRefused(SettingInvalid):
    """The settings cannot be used; `problems` has one line for each thing to change."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def _database_url(url: str, info: ValidationInfo) -> str:
    """Read an SQLite file's path from the settings' folder, and refuse what is no database URL."""
    try:
        parts = make_url(url)
    except ArgumentError:
        raise ValueError("expected a database URL such as sqlite:///state.db") from None
    if parts.get_backend_name() not in _DATABASES:
        raise ValueError(f"expected a database of {' or '.join(_DATABASES)}")
    if parts.get_backend_name() != "sqlite" or not parts.database or parts.database == ":memory:":
        return url
    file = resolve_path(Path(parts.database), info)
    return parts.set(database=str(file)).render_as_string(hide_password=False)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class StateSettings(_Frozen):
    """Where runs, checkpoints, ACLs, identities and the document ledger live."""

    # hidden in `repr`: a URL may hold a database password
    url: Annotated[str, AfterValidator(_database_url)] = Field(
        default="sqlite:///sightline-data/state.db", repr=False, validate_default=True
    )


class IdentitiesSettings(_Frozen):
    """What operators say of who is who."""

    file: ConfiguredPath | None = None


class AdoptedGroupsSettings(_Frozen):
    """The issuer whose groups a source takes for its own."""

    issuer: Annotated[str, StringConstraints(min_length=1)]
    prefix: str = ""


class SourceSettings(_Frozen):
    """What every source has, whatever its connector."""

    connector: str
    index: Name
    crawl_identities: bool = True
    match_user_by: Literal["email", "username"] = "email"
    adopt_groups: AdoptedGroupsSettings | None = None
    delete_brake: Share = DELETE_BRAKE
    toxicity: ToxicitySettings | None = None
    schedule: SourceSchedule | None = None

    @property
    def toxicity_rule(self) -> ConfiguredRule:
        """What becomes of documents with toxic text; where nothing is said, nothing does."""
        return (self.toxicity or ToxicitySettings()).configured


class ConfiguredSource(SourceSettings):
    """A source with the configuration that its own connector reads."""

    connection: Any


class Settings(_Frozen):
    """The whole tree. Every relative path in it was taken from the folder of the file."""

    state: StateSettings
    indexes: Mapping[str, IndexSettings]
    tokens: tuple[TokenConfig, ...]
    sources: Mapping[str, ConfiguredSource]
    embedder: EmbedderConfig
    extraction: ExtractionSettings
    scheduler: SchedulerSettings
    metrics: MetricsSettings = MetricsSettings()
    admin_keys: tuple[AdminKeyConfig, ...] = ()
    model_keys: tuple[ModelKeyConfig, ...] = ()
    identities: IdentitiesSettings = IdentitiesSettings()

    def sources_of(self, index: str) -> tuple[str, ...]:
        """Name the sources that feed an index."""
        return tuple(name for name, source in self.sources.items() if source.index == index)

    def require_issuers(self) -> None:
        """Refuse to serve an index that asks for tokens which nobody could vouch for.

        Raises:
            SettingMissing: there is such an index, and no `[[tokens]]`.
        """
        closed = [name for name, index in self.indexes.items() if index.access is IndexAccess.TOKEN]
        if closed and not self.tokens:
            raise SettingMissing(f'tokens: at least one [[tokens]] is required (indexes.{closed[0]}.access is "token")')

    def modes(self) -> dict[str, tuple[SyncMode, ...]]:
        """Name the modes of sync that each source's connector knows."""
        return {
            name: tuple(mode for mode in SyncMode if mode in CONNECTORS[source.connector].modes)
            for name, source in self.sources.items()
        }

    @property
    def starts_jobs_over_http(self) -> bool:
        """Whether an administrator may start syncs or audits in a program that serves."""
        return any({Scope.SYNC, Scope.AUDIT} & set(key.scopes) for key in self.admin_keys)

    def is_public(self, source: str) -> bool:
        """Say whether a source feeds a public index."""
        return self.indexes[self.sources[source].index].access is IndexAccess.PUBLIC


class _KeysTable(_Frozen):
    keys: list[dict[str, Any]] = Field(default_factory=list)


class _File(_Frozen):
    """The file as written. What holds secrets is read one by one, so that one wrong secret hides no other."""

    state: StateSettings
    indexes: dict[Name, dict[str, Any]]
    tokens: list[dict[str, Any]]
    identities: IdentitiesSettings
    sources: dict[Name, dict[str, Any]]
    embedder: EmbedderSettings
    extraction: ExtractionSettings
    scheduler: SchedulerSettings
    metrics: MetricsSettings
    admin: _KeysTable
    models: _KeysTable


def settings_file(given: Path | None, environment: Mapping[str, str] = os.environ) -> Path:
    """Choose the file: the command line's, else `SIGHTLINE_CONFIG`, else `sightline.toml` in the working folder."""
    return given or Path(environment.get(CONFIG_VARIABLE) or DEFAULT_FILE)


def load_settings(file: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the file, lay the environment over it and check the whole.

    Raises:
        SettingMissing: there is no such file.
        SettingInvalid: it is no TOML file; `SettingsRefused`, with one line for every problem found.
    """
    sections: dict[str, Any] = {name: {} for name in _File.model_fields} | {"tokens": []}
    raw = overlaid(sections | read_toml(file), setting_overrides(environment))
    reading = Reading(folder=file.resolve().parent, known_keys=_known_keys)
    written = reading.validated(_File, raw, path=())
    indexes = _read_indexes(raw["indexes"], reading)
    tokens = reading.listed(TokenConfig, raw["tokens"], path=("tokens",))
    admin_keys = _read_keys(AdminKeyConfig, raw, reading, section="admin")
    model_keys = _read_keys(ModelKeyConfig, raw, reading, section="models")
    sources = _read_sources(raw["sources"], reading)
    if written is None:
        raise SettingsRefused(reading.problems)
    reading.problems.extend(_contradictions(written.indexes, indexes, tokens, sources))
    reading.problems.extend(contradictions({"admin.keys": admin_keys, "models.keys": model_keys}))
    if reading.problems:
        raise SettingsRefused(reading.problems)
    return Settings(
        state=written.state,
        indexes=indexes,
        tokens=tokens,
        identities=written.identities,
        sources=sources,
        embedder=written.embedder,
        extraction=written.extraction,
        scheduler=written.scheduler,
        metrics=written.metrics,
        admin_keys=admin_keys,
        model_keys=model_keys,
    )


def _known_keys() -> frozenset[str]:
    """Every key that a settings file may have, at any depth."""
    models: list[Any] = [
        _File,
        IndexSettings,
        SourceSettings,
        TokenConfig,
        AdminKeyConfig,
        *(kind.config_type for kind in CONNECTORS.values()),
    ]
    schemas = [TypeAdapter(model).json_schema() for model in models]
    tables = [table for schema in schemas for table in (schema, *schema.get("$defs", {}).values())]
    return frozenset(key for table in tables for key in table.get("properties", {}))


def _read_indexes(raw_indexes: object, reading: Reading) -> dict[str, IndexSettings]:
    if not isinstance(raw_indexes, Mapping):
        return {}
    tables = {str(name): raw for name, raw in raw_indexes.items() if isinstance(raw, Mapping)}
    read = {name: reading.validated(IndexSettings, raw, path=("indexes", name)) for name, raw in tables.items()}
    return {name: index for name, index in read.items() if index is not None}


def _read_keys(kind: type[KeyConfig], raw: Mapping[str, Any], reading: Reading, *, section: str) -> tuple[Any, ...]:
    keys = raw[section].get("keys") if isinstance(raw[section], Mapping) else None
    return reading.listed(kind, keys, path=(section, "keys"))


def _read_sources(raw_sources: object, reading: Reading) -> dict[str, ConfiguredSource]:
    if not isinstance(raw_sources, Mapping):
        return {}
    tables = {str(name): raw for name, raw in raw_sources.items() if isinstance(raw, Mapping)}
    read = {name: _read_source(raw, reading, path=("sources", name)) for name, raw in tables.items()}
    return {name: source for name, source in read.items() if source is not None}


def _read_source(raw: Mapping[str, Any], reading: Reading, *, path: tuple[str, ...]) -> ConfiguredSource | None:
    common_keys = SourceSettings.model_fields.keys() & raw.keys()
    common = reading.validated(SourceSettings, {key: raw[key] for key in common_keys}, path=path)
    if common is None:
        return None
    kind = CONNECTORS.get(common.connector)
    if kind is None:
        reading.note(*path, "connector", words=f"no such connector (there are: {', '.join(sorted(CONNECTORS))})")
        return None
    own = {key: value for key, value in raw.items() if key not in common_keys}
    connection = reading.validated(kind.config_type, own, path=path)
    return None if connection is None else ConfiguredSource(**common.model_dump(), connection=connection)


def _contradictions(
    named: Collection[str],
    indexes: Mapping[str, IndexSettings],
    tokens: Sequence[TokenConfig],
    sources: Mapping[str, ConfiguredSource],
) -> Iterator[str]:
    """Yield what no single key shows: references that lead nowhere, and two indexes in one place."""
    for name, source in sources.items():
        if source.index not in named:
            yield f"sources.{name}.index: no such index (there are: {', '.join(sorted(named)) or 'none'})"
        yield from (f"sources.{name}.schedule.{problem}" for problem in _impossible_times(source))
        yield from (f"sources.{name}.adopt_groups.{problem}" for problem in _impossible_adoption(source, tokens))
        if source.adopt_groups is not None and source.index in indexes and indexes[source.index].late_check:
            yield f"indexes.{source.index}.late_check: {name} adopts groups, and would deny what they give"
    issuers = [token.issuer for token in tokens]
    for position, issuer in enumerate(issuers):
        if issuer in issuers[:position]:
            yield f"tokens.{position}.issuer: is another entry's issuer, too"
    yield from _namesakes(tokens)
    places = {name: index.place(name) for name, index in indexes.items()}
    for name, (key, *_) in places.items():
        if list(places.values()).count(places[name]) > 1:
            yield f"indexes.{name}.{key}: is another index's {key}, too"
    yield from files_in_the_way(indexes)


def _impossible_adoption(source: ConfiguredSource, tokens: Sequence[TokenConfig]) -> Iterator[str]:
    if source.adopt_groups is None:
        return
    named = [entry for entry in tokens if entry.issuer == source.adopt_groups.issuer]
    if not named:
        yield "issuer: no [[tokens]] entry has this issuer"
    elif named[0].groups_claim is None:
        yield "issuer: its [[tokens]] entry has no groups_claim"


def _namesakes(tokens: Sequence[TokenConfig]) -> Iterator[str]:
    """Yield trusted callers of one name: it says whose word is believed."""
    met: set[str] = set()
    for position, entry in enumerate(tokens):
        for number, caller in enumerate(entry.trusted_callers if isinstance(entry, JsonTokenConfig) else ()):
            if caller.name in met:
                yield f"tokens.{position}.trusted_callers.{number}.name: is another caller's name, too"
            met.add(caller.name)


def _impossible_times(source: ConfiguredSource) -> Iterator[str]:
    crons = source.schedule.crons if source.schedule is not None else {}
    modes = CONNECTORS[source.connector].modes
    for key in crons:
        if MODE_OF_KEY[key] not in modes:
            yield f"{key}: {source.connector} sources know no such sync (only {', '.join(sorted(modes))})"
    if "identities" in crons and not source.crawl_identities:
        yield "identities: nothing to read, crawl_identities is false"
