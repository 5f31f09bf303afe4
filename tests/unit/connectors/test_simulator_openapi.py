"""The validation of the simulator's answers itself: it must notice wrong ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from openapi_validation import MISSING, OPENAPI, Answer, AnswerWatch, OfficialApi
from simulator_client import CORE, a_world, client

from connectors.alfresco.simulator.routes import nodes
from connectors.alfresco.simulator.wire import Bean

needs_openapi = pytest.mark.skipif(not OPENAPI.is_dir(), reason=MISSING)


async def _valid_answer(path: str) -> Answer:
    """Return a true answer about a world with a commented, permission-laden file."""
    world = a_world()
    library = world.document_library(world.add_site("hr", members={"alice": "SiteConsumer"}).id)
    file = world.add_file(library, "plan.txt", b"text", properties={"cm:title": "Plan"}, owner="alice")
    world.add_comment(file, "bob", "<p>Good</p>")
    path = path.format(library=library.id, file=file.id)
    async with client(world) as http:
        got = await http.get(path)
    return Answer("GET", got.url.path, got.status_code, got.headers["content-type"], got.content)


def _with_entry(answer: Answer, change: Callable[[dict[str, Any]], object]) -> Answer:
    """Return the answer with its first entry changed."""
    body = json.loads(answer.body)
    change(body["list"]["entries"][0]["entry"])
    return replace(answer, body=json.dumps(body).encode())


WRONG_ENTRIES: dict[str, Callable[[dict[str, Any]], object]] = {
    "a required field is missing": lambda entry: entry.pop("modifiedAt"),
    "a field has another type": lambda entry: entry.update(isFile="true"),
    "a field is unknown": lambda entry: entry.update(isDocument=True),
    "a date has a colon in its offset": lambda entry: entry.update(createdAt="2024-05-01T09:30:00.123+00:00"),
    "a date has no milliseconds": lambda entry: entry.update(createdAt="2024-05-01T09:30:00+0000"),
    "a nested required field is missing": lambda entry: entry["createdByUser"].pop("displayName"),
    "a nested field is unknown": lambda entry: entry["permissions"].update(inheritance=True),
    "an access status is unknown": lambda entry: entry["permissions"]["inherited"][0].update(accessStatus="MAYBE"),
    "a field is null": lambda entry: entry.update(parentId=None),
    "a field is empty": lambda entry: entry.update(parentId=""),
    "a list is empty": lambda entry: entry.update(aspectNames=[]),
}


@pytest.mark.parametrize("change", WRONG_ENTRIES.values(), ids=WRONG_ENTRIES)
async def test_a_changed_entry_is_noticed(
    alfresco_api: OfficialApi, change: Callable[[dict[str, Any]], object]
) -> None:
    answer = await _valid_answer("/nodes/{library}/children?include=permissions,aspectNames,properties,path")
    assert alfresco_api.violations(answer) == []
    assert alfresco_api.violations(_with_entry(answer, change))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"status": 206}, "this status is not documented"),
        ({"path": f"{CORE}/nods/x/children"}, "this path is not documented"),
        ({"content_type": "application/json"}, "content type"),
        ({"body": b"{"}, "Expecting"),
        ({"status": 500}, "statusCode"),
        ({"path": f"{CORE}/people"}, "Additional properties"),
    ],
)
async def test_a_changed_answer_is_noticed(alfresco_api: OfficialApi, change: dict[str, Any], expected: str) -> None:
    answer = await _valid_answer("/nodes/{library}/children")
    assert expected in "\n".join(alfresco_api.violations(replace(answer, **change)))


async def test_an_error_without_log_number_is_noticed(alfresco_api: OfficialApi) -> None:
    answer = await _valid_answer("/nodes/nowhere")
    assert alfresco_api.violations(answer) == []
    without_number = answer.body.replace(b'"briefSummary":"0401', b'"briefSummary":"')
    assert alfresco_api.violations(replace(answer, body=without_number))


@needs_openapi
async def test_a_wrong_answer_of_a_running_simulator_is_recorded(
    answer_watch: AnswerWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes.NodeRenderer, "single", lambda *_: Bean(id="x", name="x"))
    async with client(a_world()) as http:
        await http.get("/nodes/-root-")
    assert any("'nodeType' is a required property" in violation for violation in answer_watch.take())


@needs_openapi
async def test_every_answer_is_looked_at(answer_watch: AnswerWatch) -> None:
    before = answer_watch.answers
    async with client(a_world()) as http:
        await http.get("/people")
        await http.get("/groups")
    assert answer_watch.answers == before + 2
