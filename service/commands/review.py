"""`review`: the documents that are held back for toxic text: what waits, why, and a person's decision."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import typer
from rich.text import Text

from indexer.state.holds import Decision, Hold, HoldStore
from service.admin.acts import Act
from service.admin.command_line import command_line
from service.commands.terminal import ConfigOption, JsonOption, console, print_json, print_note, print_table, printable
from service.explaining import named_document
from service.reviewing import Effect, HeldDocument, Reviews
from service.settings.settings import Settings, load_settings, settings_file
from service.wiring import State, open_search, open_state
from vocabulary.documents import DocumentId
from vocabulary.errors import IndexUnknown, SourceUnknown

review = typer.Typer(
    no_args_is_help=True, help="Documents that are held back for toxic text, and decisions about them."
)

_Document = Annotated[str, typer.Argument(metavar="DOCUMENT", help="The document: <source>/<the source's own id>.")]
_EFFECTS = {
    Effect.SHOWN: "it is shown to the readers that its list admits",
    Effect.HIDDEN: "it stays hidden until its text changes",
    Effect.WAITS: "noted; it takes effect with the next run of its source",
}


@review.command("list")
def list_held(  # noqa: PLR0917 - options of a command are given by name
    name: Annotated[str, typer.Argument(metavar="INDEX|SOURCE", help="An index, or one source.")],
    every: Annotated[bool, typer.Option("--all", help="Those that somebody has decided about, too.")] = False,
    category: Annotated[str | None, typer.Option(metavar="NAME", help="Only those of this category.")] = None,
    after: Annotated[str, typer.Option(metavar="DOCUMENT", help="Only those behind this one.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many of each source.")] = 100,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the documents that wait for a review, by their ids; no text is shown."""
    settings = load_settings(settings_file(config))
    found = asyncio.run(_listed(settings, name, undecided=not every, category=category, after=after, limit=limit))
    if as_json:
        print_json([hold_json(document_id, hold) for document_id, hold in found])
        return
    if not found:
        console().print("No documents wait for a review.")
        return
    columns = ["document", "category", "score", "held since", "model", "decision"]
    rows = [
        [document_id, hold.category, f"{hold.score_0_1:.3f}", hold.held_since, hold.model, _spelled(hold)]
        for document_id, hold in found
    ]
    print_table(columns, rows, wide="document")


@review.command()
def show(document: _Document, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show a held document with the sentence that it is held back for. The log of acts tells who looked."""
    document_id = named_document(document)
    settings = load_settings(settings_file(config))
    held = asyncio.run(_shown(settings, document_id))
    if as_json:
        print_json(held_json(held))
    else:
        _print(held)


@review.command()
def release(document: _Document, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show a held document to its readers, until its text changes."""
    _decide(document, Decision.RELEASED, config=config, as_json=as_json)


@review.command()
def keep(document: _Document, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Keep a held document hidden, until its text changes."""
    _decide(document, Decision.KEPT, config=config, as_json=as_json)


ACT_OF = {Decision.RELEASED: Act.RELEASE, Decision.KEPT: Act.KEEP_HELD}


def _decide(document: str, decision: Decision, *, config: Any, as_json: bool) -> None:
    document_id = named_document(document)
    settings = load_settings(settings_file(config))
    effect = asyncio.run(_decided(settings, document_id, decision))
    if as_json:
        print_json({"document_id": str(document_id), "decision": decision, "effect": effect})
    else:
        print_note(_EFFECTS[effect])


async def _listed(
    settings: Settings, name: str, *, undecided: bool, category: str | None, after: str, limit: int
) -> list[tuple[DocumentId, Hold]]:
    behind = named_document(after) if after else None
    async with open_state(settings) as state:
        holds, found = HoldStore(state.engine), []
        for source in _sources_named(settings, name):
            if behind is None or source == behind.source:
                native_id = behind.native_id if behind is not None else ""
                of_source = await holds.listed(
                    source, undecided=undecided, category=category, after=native_id, limit=limit
                )
                found += [(DocumentId(source, hold.native_id), hold) for hold in of_source]
        return found


def _sources_named(settings: Settings, name: str) -> tuple[str, ...]:
    """Name the sources that somebody means: those of an index, or one."""
    if name in settings.indexes:
        return settings.sources_of(name)
    if name not in settings.sources:
        raise IndexUnknown(f"no such index or source: {name}")
    return (name,)


async def _shown(settings: Settings, document_id: DocumentId) -> HeldDocument:
    async with (
        _opened(settings, document_id) as (state, reviews),
        state.acts.record(command_line(), Act.SHOW_REVIEW, subject=str(document_id)),
    ):
        return await reviews.show(document_id)


async def _decided(settings: Settings, document_id: DocumentId, decision: Decision) -> Effect:
    async with (
        _opened(settings, document_id) as (state, reviews),
        state.acts.record(command_line(), ACT_OF[decision], subject=str(document_id)) as act,
    ):
        effect = await reviews.decide(document_id, decision, by=command_line().name)
        act.outcome = effect
        return effect


@asynccontextmanager
async def _opened(settings: Settings, document_id: DocumentId) -> AsyncIterator[tuple[State, Reviews]]:
    if document_id.source not in settings.sources:
        raise SourceUnknown(f"no such source: {document_id.source}")
    index = settings.sources[document_id.source].index
    async with open_state(settings) as state, open_search(settings, state, indexes=[index]) as search:
        yield state, Reviews(settings, state, search.service)


def hold_json(document_id: DocumentId, hold: Hold) -> dict[str, Any]:
    """Spell a held document for programs, without anything of its text."""
    return {
        "document_id": str(document_id),
        "category": hold.category,
        "toxicity": hold.score_0_1,
        "model": hold.model,
        "held_since": hold.held_since,
        "decision": hold.decision,
        "decided_by": hold.decided_by,
    }


def held_json(held: HeldDocument) -> dict[str, Any]:
    """Spell a held document for programs, with the sentence."""
    return hold_json(held.document_id, held.hold) | {
        "title": held.title,
        "uri": held.uri,
        "page": None if held.passage is None else held.passage.page,
        "sentence": held.sentence,
    }


def _print(held: HeldDocument) -> None:
    out, hold = console(), held.hold
    out.print(Text(printable(held.title), style="bold"))
    out.print(Text(printable(held.uri), style="dim"), soft_wrap=True)
    out.print(Text(f"{printable(hold.category)}, {hold.score_0_1:.3f} by {printable(hold.model)}; {_spelled(hold)}"))
    if held.passage is None:
        print_note("the index holds another text by now; a sync judges it")
        return
    text = Text(printable(held.passage.text))  # as long as the original: offsets stay valid
    text.stylize("bold yellow", hold.start, hold.end)
    out.print(text)


def _spelled(hold: Hold) -> str:
    return "waits" if hold.decision is None else f"{hold.decision} by {hold.decided_by}"
