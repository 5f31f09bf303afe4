"""`explain-access`: why a person finds a document or does not, and what would change that."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated

import typer
from rich.text import Text

from acl import AccessChange
from indexer.state.run_history import RunReport
from service.admin.acts import Act
from service.admin.command_line import command_line
from service.commands.terminal import ConfigOption, JsonOption, console, print_json, print_table, printable
from service.explain_words import chain, effect, facts, matched, named, remedies, verdict
from service.explaining import AccessInspector, Explanation, Presence, named_document
from service.routes.explain_answer import explanation_answer
from service.settings.settings import Settings, load_settings, settings_file
from service.wiring import open_search, open_state
from vocabulary.documents import DocumentId

_NOT_RECORDED = "before changes were recorded"


def explain_access(
    user: Annotated[
        str,
        typer.Argument(
            metavar="USER", help="Who asks, as a token would name them; or a person of a source: user:SOURCE/ID."
        ),
    ],
    document: Annotated[str, typer.Argument(metavar="DOCUMENT", help="The document: <source>/<the source's own id>.")],
    *,
    groups: Annotated[
        list[str] | None, typer.Option("--group", metavar="NAME", help="A group of the token; may be repeated.")
    ] = None,
    issuer: Annotated[
        str | None,
        typer.Option(metavar="ISSUER", help="Who vouches for the token. Default: the only [[tokens]] issuer."),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether a person finds a document, and why: the entry that decides, the groups that lead to it, the run
    that brought each fact, and what would change the answer.
    """
    document_id = named_document(document)
    settings = load_settings(settings_file(config))
    told = asyncio.run(_explain(settings, user, document_id, groups=tuple(groups or ()), issuer=issuer))
    if as_json:
        print_json(explanation_answer(told).model_dump(mode="json"))
    else:
        _print(told)


async def _explain(
    settings: Settings, user: str, document_id: DocumentId, *, groups: tuple[str, ...], issuer: str | None
) -> Explanation:
    async with open_state(settings) as state:
        inspector = AccessInspector(settings, state)
        index = inspector.index_of(document_id)
        meant = inspector.issuer(issuer)
        asked = {"document": str(document_id), "issuer": meant, "groups": list(groups)}
        async with (
            open_search(settings, state, indexes=[index]) as search,
            state.acts.record(command_line(), Act.EXPLAIN_ACCESS, subject=user, parameters=asked),
        ):
            reader = await inspector.claims(user, issuer=meant, groups=groups)
            return await inspector.explain(search.backend(index), document_id, reader)


def _print(told: Explanation) -> None:
    _print_verdict(told)
    _print_document(told)
    if told.reader is not None:
        _print_reader(told)
    if told.document.presence is Presence.SHOWN:
        _print_entries(told)
        _print_facts(told)
    _print_remedies(told)
    _print_ages(told)


def _print_verdict(told: Explanation) -> None:
    sign = Text("yes  ", style="bold green") if told.allowed else Text("no  ", style="bold red")
    console().print(sign + Text(printable(verdict(told)), style="bold"), soft_wrap=True)


def _print_document(told: Explanation) -> None:
    document, acl = told.document, told.access.acl
    standing = f"{document.presence} in index {document.index}"
    if document.state is not None:
        standing += f", last {document.state}" + (f" ({document.reason})" if document.reason else "")
    rows = [
        ("document", document.document_id),
        ("title", document.title),
        ("standing", standing),
        ("last changed", _run(document.run, told.runs)),
        ("list", acl.key if acl is not None else ""),
        ("owner", named(document.owner, document.document_id.source) if document.owner is not None else ""),
    ]
    console().print()
    for name, value in rows:
        if value:
            console().print(Text(f"{name:<14}", style="dim") + Text(printable(value)), soft_wrap=True)


def _print_reader(told: Explanation) -> None:
    rows = [(match.source, match.match_user_by, matched(match)) for match in told.access.matches]
    print_table(["source", "matched by", "the reader there"], rows)


def _print_entries(told: Explanation) -> None:
    source = told.document.document_id.source
    rows = [
        (f"{effect(entry)} {named(entry.principal, source)}", chain(entry), _origin(entry.brought_by, told.runs))
        for entry in told.access.entries
    ]
    if rows:
        print_table(["the list", "through", "by"], rows)


def _print_facts(told: Explanation) -> None:
    rows = [(fact, _origin(change, told.runs)) for fact, change in facts(told.access)]
    if rows:
        print_table(["person or membership", "by"], rows)


def _print_remedies(told: Explanation) -> None:
    words = remedies(told)
    if not words:
        return
    console().print(Text("What would change the answer, each by itself:", style="bold"))
    for _, remedy in words:
        console().print(Text(f"  - {printable(remedy)}"), soft_wrap=True)
    console().print()


def _print_ages(told: Explanation) -> None:
    ages = {"permissions": told.lists_read_at, "people and groups": told.people_read_at}
    for what, read_at in ages.items():
        age = "have never been read to the end" if read_at is None else f"were last read from {printable(read_at)} on"
        console().print(Text(f"All {what} of the source {age}.", style="dim"), soft_wrap=True)


def _origin(change: AccessChange | None, runs: Mapping[int, RunReport]) -> str:
    if change is None:
        return _NOT_RECORDED
    changed = f", changed at the source {printable(change.changed_at)}" if change.changed_at is not None else ""
    return f"{_run(change.run, runs) or 'no run'}, {printable(change.at)}{changed}"


def _run(run: int | None, runs: Mapping[int, RunReport]) -> str:
    if run is None:
        return ""
    return f"run {run} ({runs[run].mode})" if run in runs else f"run {run}"
