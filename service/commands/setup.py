"""Getting started: `init` writes the settings, `check` tries them out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import asdict
from enum import Enum, auto
from pathlib import Path
from typing import Annotated

import typer

from embedder import LoadedModel
from indexer.backends.embedded import EmbeddedBackend
from indexer.extract import KreuzbergExtractor
from service.commands.terminal import (
    ConfigOption,
    ExitCode,
    JsonOption,
    console,
    counted,
    print_json,
    print_problem,
    print_table,
    verdict,
)
from service.enrichers import Enrichers, in_words
from service.places import IndexPlaces
from service.settings.settings import DEFAULT_FILE, Settings, load_settings, settings_file
from service.tokens import TokenVerifier
from service.wiring import State, make_readers, open_source, open_state
from vocabulary.errors import SightlineError
from vocabulary.ports import CheckResult, SearchBackend


class _Depth(Enum):
    """How closely an embedded index is looked at."""

    OPENED = auto()
    INSPECTED = auto()
    REPAIRED = auto()  # and what is wrong is mended


_TEMPLATE = Path(__file__).resolve().parents[1] / "templates" / "sightline.toml"


def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it.")] = Path(DEFAULT_FILE),
) -> None:
    """Write a commented settings file to start from. An existing file is left alone."""
    try:
        with file.open("x", encoding="utf-8") as written:
            written.write(_TEMPLATE.read_text(encoding="utf-8"))
    except FileExistsError:
        print_problem(f"{file}: exists already, and is left as it is")
        raise typer.Exit(ExitCode.MISUSED) from None
    except OSError as error:
        print_problem(f"{file}: cannot be written ({error.strerror})")
        raise typer.Exit(ExitCode.FAILED) from None
    console().print(f"Wrote {file}. Fill in your sources, then try it out: sightline check")


def check(
    config: ConfigOption = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also compare every part of each embedded index's file.")
    ] = False,
    repair: Annotated[bool, typer.Option("--repair", help="With --deep: write what is derived anew.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Try out the settings: state store, model, indexes, tokens and every source, without reading any content."""
    if repair and not deep:
        raise typer.BadParameter("--repair goes with --deep")
    settings = load_settings(settings_file(config))
    depth = _Depth.REPAIRED if repair else _Depth.INSPECTED if deep else _Depth.OPENED
    results = asyncio.run(_gather(settings, depth))
    if as_json:
        print_json([asdict(result) for result in results])
    else:
        print_table(["what", "", "finding"], [[r.subject, verdict(r.passed), r.message] for r in results])
    if not all(result.passed for result in results):
        raise typer.Exit(ExitCode.FAILED)


async def _gather(settings: Settings, depth: _Depth) -> list[CheckResult]:
    return [result async for result in _checks(settings, depth)]


async def _checks(settings: Settings, depth: _Depth) -> AsyncIterator[CheckResult]:
    yield CheckResult("settings", passed=True, message=_summary(settings))
    async with AsyncExitStack() as opened:
        try:
            state = await opened.enter_async_context(open_state(settings))
        except SightlineError as error:
            yield CheckResult("state", passed=False, message=str(error))
        else:
            yield CheckResult("state", passed=True, message="opens")
            yield await _result("tokens", lambda: _check_tokens(settings, state))
            for result in await TokenVerifier(settings.tokens).check():
                yield result
            for result in await _check_indexes(settings, state, depth):
                yield result
    yield await _result("extraction", lambda: _check_extraction(settings))
    for source in settings.sources:
        for result in await _check_source(settings, source):
            yield result


def _summary(settings: Settings) -> str:
    indexes = counted(len(settings.indexes), "index", "indexes")
    return f"{indexes}, {counted(len(settings.sources), 'source')}, {counted(len(settings.tokens), 'token issuer')}"


async def _result(subject: str, look: Callable[[], Awaitable[str]]) -> CheckResult:
    try:
        return CheckResult(subject, passed=True, message=await look())
    except SightlineError as error:
        return CheckResult(subject, passed=False, message=str(error))


async def _check_tokens(settings: Settings, state: State) -> str:
    make_readers(settings, state)
    return counted(len(settings.tokens), "issuer")


async def _check_indexes(settings: Settings, state: State, depth: _Depth) -> list[CheckResult]:
    """Load the model, and open each index that nothing is missing for; a missing one is made."""
    try:
        async with Enrichers(settings.embedder) as enrichers:
            results = [await _result("model", lambda: _check_model(enrichers.configured))]
            for name in settings.indexes:
                results += await _check_index(IndexPlaces(settings, enrichers), state, name, depth)
            return results
    except SightlineError as error:
        return [CheckResult("model", passed=False, message=str(error))]


async def _check_model(model: LoadedModel) -> str:
    """Embed a text, and say what did it."""
    await model.embed_query("check")
    return in_words(model)


async def _check_index(keeper: IndexPlaces, state: State, name: str, depth: _Depth) -> list[CheckResult]:
    subject, inspected = f"index {name}", list[CheckResult]()
    standing = await state.places.read(name)
    if standing.occupant is not None:
        return [CheckResult(subject, passed=True, message="another index is kept, or copied, there")]

    async def opened() -> str:
        async with keeper.open(standing.place) as place:
            await place.backend.adopt(state.acls.numbering)
            held = counted((await place.backend.statistics()).documents, "document")
            inspected.extend(await _inspect(subject, place.backend, depth))
            return held

    looked_at = await keeper.check(standing.place)
    results = [CheckResult(f"{subject}: {each.subject}", each.passed, each.message) for each in looked_at]
    if all(each.passed for each in results):
        results.append(await _result(subject, opened))
    return results + inspected


async def _inspect(subject: str, backend: SearchBackend, depth: _Depth) -> list[CheckResult]:
    """Compare the parts of an index with one another; a cluster looks after its own."""
    if depth is _Depth.OPENED or not isinstance(backend, EmbeddedBackend):
        return []
    part = f"{subject}: every part"
    found = await backend.inspect()
    if not found or depth is not _Depth.REPAIRED:
        return [CheckResult(part, not found, "; ".join(found) or "agrees with the others")]
    removed = await backend.repair()
    left = await backend.inspect()
    told = f"; removed: {counted(removed, 'document')}, which a full sync brings again" if removed else ""
    return [CheckResult(part, not left, "; ".join(left) or f"repaired ({'; '.join(found)}){told}")]


async def _check_extraction(settings: Settings) -> str:
    async with KreuzbergExtractor(settings.extraction):
        return "starts"


async def _check_source(settings: Settings, source: str) -> list[CheckResult]:
    try:
        async with open_source(settings, source) as connector:
            results = await connector.check()
    except SightlineError as error:
        return [CheckResult(f"source {source}", passed=False, message=str(error))]
    return [CheckResult(f"source {source}: {r.subject}", passed=r.passed, message=r.message) for r in results]
