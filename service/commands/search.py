"""`search`: ask an index from the terminal, as a person whom the operator names."""

from __future__ import annotations

import asyncio
from typing import Annotated
from uuid import uuid4

import typer
from rich.text import Text

from acl import ReaderClaims
from service.admin.acts import Act
from service.admin.command_line import command_line
from service.commands.terminal import (
    ConfigOption,
    JsonOption,
    console,
    counted,
    print_json,
    print_note,
    print_table,
    printable,
)
from service.reader import issuer_meant, named_filter
from service.routes.query_answer import BucketAnswer, CommentAnswer, FacetAnswer, QueryAnswer, ResultAnswer, answer_of
from service.routes.query_request import MAX_TEXT
from service.search import SearchService, ServedIndex
from service.settings.indexes import IndexAccess
from service.settings.settings import Settings, load_settings, settings_file
from service.wiring import State, open_search, open_state
from vocabulary.access import AccessFilter
from vocabulary.errors import IndexUnknown, NotAuthenticated, QueryInvalid
from vocabulary.search import (
    DateFacet,
    DateInterval,
    Facet,
    FacetRequest,
    Page,
    Query,
    SearchMode,
)


def search(
    index: Annotated[str, typer.Argument(metavar="INDEX", help="The index's name.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="Words or a question; empty: everything.")],
    *,
    user: Annotated[
        str | None,
        typer.Option(
            "--as", metavar="USER", help="Who asks: an e-mail address or user name, as a token would give it."
        ),
    ] = None,
    issuer: Annotated[
        str | None,
        typer.Option(metavar="ISSUER", help="Whose token it would be. Default: the only [[tokens]] issuer."),
    ] = None,
    mode: Annotated[SearchMode, typer.Option(help="How documents are matched and ranked.")] = SearchMode.HYBRID,
    size: Annotated[int, typer.Option(min=1, max=100, help="How many results.")] = 10,
    facets: Annotated[
        list[str] | None,
        typer.Option(
            "--facet",
            metavar="FIELD[:INTERVAL]",
            help="Count the documents by an attribute, or by its year, month, week or day; may be repeated.",
        ),
    ] = None,
    all_copies: Annotated[
        bool, typer.Option("--all-copies", help="Show documents of the same text each by itself.")
    ] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Show what each score is made of.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Search an index with the eyes of a person, to see what they would find. The log of acts tells who did."""
    if len(text) > MAX_TEXT:
        raise QueryInvalid(f"TEXT: up to {MAX_TEXT} characters, not {len(text)}")
    settings = load_settings(settings_file(config))
    query = Query(
        text=text.strip(),
        mode=mode,
        facets=tuple(map(_facet, facets or ())),
        size=size,
        collapse=not all_copies,
        explain=explain,
    )
    reader = None if user is None else ReaderClaims(user, groups=(), issuer=issuer_meant(settings, issuer))
    answer = asyncio.run(_answer(settings, index, query, reader=reader))
    if as_json:
        print_json(answer.model_dump(mode="json"))
    else:
        _print_answer(answer)


def _facet(spelled: str) -> Facet:
    """Read `type` or `modified_at:year`; a colon may be part of a field's own name."""
    field, _, interval = spelled.rpartition(":")
    if field and interval in set(DateInterval):
        return DateFacet(field, DateInterval(interval), name=spelled)
    return FacetRequest(spelled)


async def _answer(settings: Settings, name: str, query: Query, *, reader: ReaderClaims | None) -> QueryAnswer:
    if name not in settings.indexes:
        raise IndexUnknown(f"no such index: {name} (there are: {', '.join(settings.indexes) or 'none'})")
    async with open_state(settings) as state, open_search(settings, state, indexes=[name]) as search:
        index = search.service.index(name)
        if reader is None:
            page = await search.service.search(index, query, await _nobodys_filter(state, index))
        else:
            page = await _search_as(state, search.service, index, query, reader)
    return answer_of(page, query_id=uuid4().hex)


async def _nobodys_filter(state: State, index: ServedIndex) -> AccessFilter:
    if index.access is not IndexAccess.PUBLIC:
        raise NotAuthenticated(f"index {index.name} needs a reader: --as USER")
    return await state.access_control.public_filter(index.sources)


async def _search_as(
    state: State, service: SearchService, index: ServedIndex, query: Query, reader: ReaderClaims
) -> Page:
    asked = {
        "index": index.name,
        "query": query.text,
        "mode": query.mode,
        "facets": [each.key for each in query.facets],
        "issuer": reader.issuer,
    }
    async with state.acts.record(command_line(), Act.SEARCH_AS, subject=reader.user, parameters=asked):
        access = await named_filter(state.access_control, index, reader)
        await _warn_of_strangers(state, index, reader)
        return await service.search(index, query, access)


async def _warn_of_strangers(state: State, index: ServedIndex, reader: ReaderClaims) -> None:
    """Say so when no source of the index knows the person: their answer is empty for that reason alone."""
    if index.access is IndexAccess.PUBLIC:
        return
    matches = {rule.source: await state.access_control.match(reader, rule) for rule in index.identity_rules}
    if all(match.person is None for match in matches.values()):
        reasons = ", ".join(f"{source}: {match.outcome}" for source, match in matches.items())
        print_note(f"nobody of that name may read anything here ({reasons or 'the index has no sources'})")


def _print_answer(answer: QueryAnswer) -> None:
    sign = "at least " if answer.total.relation == "gte" else ""
    console().print(f"{sign}{counted(answer.total.value, 'document')}")
    if answer.spelling is not None:
        print_note(f"did you mean: {answer.spelling}")
    for position, result in enumerate(answer.results, start=1):
        _print_result(position, result)
    for name, entries in answer.facets.items():
        console().print()
        print_table((name, "documents"), [(_entry(each), each.count) for each in entries])


def _print_result(position: int, result: ResultAnswer) -> None:
    out = console()
    out.print()
    out.print(Text(f"{position:>3}  ") + Text(printable(result.title), style="bold"))
    out.print(Text(f"     {printable(result.document_id)}", style="dim"), soft_wrap=True)
    out.print(Text(f"     {printable(result.uri)}", style="dim"), soft_wrap=True)
    if result.excerpt is not None:
        out.print(Text("     ") + _quoted(result.excerpt))
    for comment in result.comments:
        out.print(Text("     ") + _quoted(comment))
    if result.toxicity_categories:
        out.print(Text(f"     may offend: {printable(', '.join(result.toxicity_categories))}", style="yellow"))
    if result.copies:
        copies = counted(result.copies, "more document has", "more documents have")
        out.print(Text(f"     {copies} the same text (--all-copies)", style="dim"))
    if result.score_parts is not None:
        parts = ", ".join(f"{name} {value:.4g}" for name, value in result.score_parts.items())
        out.print(Text(f"     score {result.score:.4g}: {printable(parts)}", style="dim"))


def _quoted(shown: CommentAnswer) -> Text:
    """Return an excerpt with what matched marked; a comment begins with who wrote it, and when."""
    text = Text(printable(shown.text))  # as long as the original: offsets stay valid
    for span in shown.highlights:
        text.stylize("bold yellow", span.start, span.end)
    signed = [printable(each) for each in (shown.author, (shown.written_at or "")[:10]) if each]
    return Text(f"comment by {', '.join(signed)}: ", style="dim") + text if signed else text


def _entry(counted_value: FacetAnswer | BucketAnswer) -> str:
    if isinstance(counted_value, FacetAnswer):
        return str(counted_value.value)
    return f"{_bound(counted_value.gte)} to {_bound(counted_value.lt)}"


def _bound(bound: object) -> str:
    """Spell one end of a range; of a moment that is a midnight, its day."""
    return "…" if bound is None else str(bound).removesuffix("T00:00:00Z")
