"""The pages for operators say what the program does: every setting, command, option and route, and no other."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
import typer
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from connectors.alfresco.audit_settings import AuditSettings
from connectors.alfresco.fields import FieldMapping
from connectors.alfresco.rendition_settings import RenditionSettings
from connectors.alfresco.scope.rules import Rule
from connectors.alfresco.scope.scope_settings import AspectTest
from connectors.alfresco.wire.auth_config import BasicAuth, OAuth2Auth, TicketAuth
from connectors.registry import CONNECTORS
from indexer.extract import ExtractionSettings
from service.admin.administration import Administration
from service.admin.administrators import Administrators
from service.admin.key_config import AdminKeyConfig
from service.cli import app as command_line
from service.commands.terminal import ExitCode
from service.http.app import create_app
from service.http.errors import known_problems
from service.metrics import Metrics
from service.models.access import ModelAccess
from service.models.callers import ModelCallers
from service.models.desk import ModelDesk
from service.models.key_config import ModelKeyConfig
from service.reader import Readers
from service.routes.query_answer import QueryAnswer
from service.routes.query_request import QueryBody
from service.scheduling.scheduler import Scheduler
from service.search import SearchService
from service.settings.embedder import EmbedderSettings, RemoteSettings
from service.settings.indexes import (
    BoostSettings,
    CrossEncoderSettings,
    EmbeddedIndexSettings,
    OpenSearchIndexSettings,
    PinSettings,
    RankingSettings,
    RecencySettings,
)
from service.settings.metrics import MetricsSettings
from service.settings.schedule import SchedulerSettings, SourceSchedule
from service.settings.settings import (
    AdoptedGroupsSettings,
    IdentitiesSettings,
    Settings,
    SourceSettings,
    StateSettings,
)
from service.settings.toxicity import ToxicitySettings
from service.tokens.config import JsonTokenConfig, JwtTokenConfig, OpenIdTokenConfig, TrustedCallerConfig
from service.wiring import State

DOCS = Path(__file__).resolve().parents[2] / "docs"

SETTINGS: dict[str, type[BaseModel]] = {
    "[state]": StateSettings,
    'engine = "embedded"': EmbeddedIndexSettings,
    'engine = "opensearch"': OpenSearchIndexSettings,
    "[indexes.NAME.ranking]": RankingSettings,
    "pins = [{ … }]": PinSettings,
    "boosts = { … }": BoostSettings,
    "recency = { … }": RecencySettings,
    "cross_encoder = { … }": CrossEncoderSettings,
    'kind = "openid"': OpenIdTokenConfig,
    'kind = "jwt"': JwtTokenConfig,
    'kind = "json"': JsonTokenConfig,
    "trusted_callers = [{ … }]": TrustedCallerConfig,
    "[identities]": IdentitiesSettings,
    "adopt_groups = { … }": AdoptedGroupsSettings,
    "[[admin.keys]]": AdminKeyConfig,
    "[[models.keys]]": ModelKeyConfig,
    "[sources.NAME]": SourceSettings,
    "[embedder]": EmbedderSettings,
    "[embedder.remote]": RemoteSettings,
    "[extraction]": ExtractionSettings,
    "schedule = { … }": SourceSchedule,
    "toxicity = { … }": ToxicitySettings,
    "[scheduler]": SchedulerSettings,
    "[metrics]": MetricsSettings,
    'auth = { kind = "basic" }': BasicAuth,
    'auth = { kind = "ticket" }': TicketAuth,
    'auth = { kind = "oauth2" }': OAuth2Auth,
    "audit = { … }": AuditSettings,
    "aspects = [{ … }]": AspectTest,
    "include = [{ … }]": Rule,
    'fields = { "…" = { … } }': FieldMapping,
    "rendition = { … }": RenditionSettings,
} | {f'connector = "{name}"': kind.config_type for name, kind in CONNECTORS.items()}


def tables(page: str) -> dict[str, dict[str, list[str]]]:
    """Rows of every heading's tables, by their first cell: `{heading: {`key`: [other cells]}}`."""
    found: dict[str, dict[str, list[str]]] = {}
    heading = ""
    for line in (DOCS / page).read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ").strip()
            found[heading] = {}
        elif line.startswith("| "):
            first, *others = (cell.strip() for cell in line.strip("| ").split(" | "))
            found[heading][first] = others
    return found


def keyed(rows: dict[str, list[str]]) -> dict[str, list[str]]:
    """The rows whose first cell is code, without the marks."""
    return {first.strip("`"): others for first, others in rows.items() if re.fullmatch(r"`[^`]+`", first)}


def spelled(default: Any) -> str:
    """A default as the page writes it, in TOML."""
    match default:
        case None:
            return "none"
        case Enum():
            return f'"{default.value}"'
        case bool():
            return str(default).lower()
        case tuple() | frozenset():
            return f"[{', '.join(map(spelled, default))}]"
        case str():
            return f'"{default}"'
        case _:
            return str(default)


@pytest.mark.parametrize("heading", SETTINGS)
def test_every_setting_is_documented_with_its_default_and_no_other(heading: str) -> None:
    documented = {key: cells[0].strip("`") for key, cells in keyed(tables("configuration.md")[heading]).items()}
    fields = SETTINGS[heading].model_fields
    assert documented == {
        field.alias or name: "required" if field.is_required() else spelled(field.default)
        for name, field in fields.items()
    }


def test_every_table_of_settings_belongs_to_a_setting() -> None:
    documented = {heading for heading, rows in tables("configuration.md").items() if keyed(rows)}
    assert documented == {*SETTINGS, "Environment variables"}


def commands() -> Iterator[tuple[str, Any]]:
    root: Any = typer.main.get_command(command_line)
    for name, command in root.commands.items():
        below = getattr(command, "commands", {})
        if not below:
            yield name, command
        for own_name, own in below.items():
            kinds = getattr(own, "commands", {})
            if not kinds:
                yield name if own_name == "list" else f"{name} {own_name}", own
            for kind, of_kind in kinds.items():
                yield f"{name} {own_name} {kind}", of_kind


def test_every_command_is_documented_with_its_options_and_no_other() -> None:
    pages = {
        heading.removeprefix("sightline "): set(keyed(rows))
        for heading, rows in tables("cli.md").items()
        if heading.startswith("sightline ")
    }
    assert pages == {
        name: {option.opts[0] for option in command.params if option.param_type_name == "option"}
        for name, command in commands()
    }


def test_the_exit_codes_are_documented() -> None:
    rows = {code for code in tables("cli.md")["Exit codes"] if code.isdigit()}
    assert rows == {str(code.value) for code in ExitCode}


def served_app() -> FastAPI:
    unused: Any = None
    settings = Settings.model_construct(tokens=())
    administration = Administration(
        Administrators(()),
        settings=settings,
        state=State.over(unused),
        search=unused,
        scheduler=Scheduler((), unused, settings=SchedulerSettings()),
    )
    return create_app(
        SearchService({}, unused),
        Readers(unused, unused),
        probes={},
        administration=administration,
        models=ModelAccess(ModelDesk(unused), ModelCallers(())),
        metrics=Metrics(CollectorRegistry(), queries=unused),
    )


def test_every_route_is_documented_and_no_other() -> None:
    api = served_app().openapi()
    served = {f"{method.upper()} {path}" for path, methods in api["paths"].items() for method in methods}
    documented = {heading for heading in tables("rest-api.md") if re.match(r"(GET|POST|PUT|DELETE) ", heading)}
    assert documented == served


def test_every_key_of_a_query_and_of_its_answer_is_documented() -> None:
    pages = tables("rest-api.md")
    requested = {key: cells[0].strip("`") for key, cells in keyed(pages["Request"]).items()}
    assert {key for key in requested if not key.startswith("{")} == set(QueryBody.model_fields)
    assert set(keyed(pages["Answer"])) == set(QueryAnswer.model_fields)


def test_the_example_of_an_answer_is_one() -> None:
    text = (DOCS / "rest-api.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```json\n(.*?)```", text, flags=re.DOTALL)
    QueryAnswer.model_validate_json(example)


def test_every_kind_of_problem_is_documented_and_no_other() -> None:
    rows = re.findall(r"^\| (\d+) \| `([^`]+)`", (DOCS / "rest-api.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    documented = {(int(status), problem) for status, problem in rows}
    too_large = (413, "urn:sightline:problem:request-entity-too-large")  # spelled from the status, as others like it
    assert documented == {*known_problems(), too_large}


def test_the_template_of_init_names_only_documented_keys() -> None:
    template = (DOCS.parent / "service" / "templates" / "sightline.toml").read_text(encoding="utf-8")
    commented_out = re.sub(r"^# (\w+ = )", r"\1", template, flags=re.MULTILINE)
    keys = set(tomllib.loads(commented_out)["sources"]["intranet"])
    assert keys <= SourceSettings.model_fields.keys() | CONNECTORS["alfresco"].config_type.model_fields.keys()
