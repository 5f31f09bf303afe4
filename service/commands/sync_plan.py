"""`sync --plan`: what a sync would do, before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from indexer.judging.rules import Handling
from indexer.preview import Act, Preview
from service.commands.terminal import console, print_table, printable
from service.settings.settings import Settings
from service.syncing import preview_source
from service.wiring import open_state, open_workshop
from vocabulary.errors import SettingInvalid
from vocabulary.ports import SyncMode

NAMED = 20  # documents of each act


async def preview_all(settings: Settings, sources: Sequence[str], *, mode: SyncMode) -> list[Preview]:
    """Preview each source.

    Raises:
        SettingInvalid: people and groups have no preview.
    """
    if mode is SyncMode.IDENTITIES:
        raise SettingInvalid("--plan is of documents: identities have no preview")
    indexes = sorted({settings.sources[name].index for name in sources})
    async with open_state(settings) as state, open_workshop(settings, state, indexes=indexes) as workshop:
        return [await preview_source(settings, state, workshop, name, mode=mode, listed=NAMED) for name in sources]


def holding_back(settings: Settings, sources: Sequence[str]) -> frozenset[str]:
    """Return the sources whose rule holds toxic documents back: which ones only their text tells, and none is read."""
    return frozenset(name for name in sources if settings.sources[name].toxicity_rule.handling is Handling.HIDE)


def print_previews(previews: Sequence[Preview], *, hold_back: frozenset[str]) -> None:
    """Print what would be done, for people."""
    columns = ["source", "mode", *map(str, Act), "lists changed"]
    rows = [[p.source, p.mode, *(p.counts[act] for act in Act), p.lists_changed] for p in previews]
    print_table(columns, rows)
    for preview in previews:
        _print_documents(preview)
        if preview.source in hold_back:
            words = "the toxicity rule is hide: which documents it would hold back is known once their text is read"
            console().print(f"{preview.source}: {words}", soft_wrap=True)
    console().print("Nothing was written.")


def _print_documents(preview: Preview) -> None:
    rows = [[each.act, each.document_id, printable(each.title), each.reason] for each in preview.documents]
    if rows:
        print_table(["act", "document", "title", "reason"], rows, wide="title")
    for act in Act:
        unnamed = preview.counts[act] - NAMED
        if act is not Act.NOTHING and unnamed > 0:
            console().print(f"{preview.source}: {unnamed} more to {act}")
    if preview.would_brake:
        words = "the deletion brake would hide them and ask (delete_brake); --confirm-deletes would delete them"
        console().print(f"{preview.source}: {words}")


def preview_json(preview: Preview, *, hold_back: frozenset[str]) -> dict[str, Any]:
    """Spell a preview for programs."""
    return {
        "source": preview.source,
        "mode": preview.mode,
        "counts": {str(act): preview.counts[act] for act in Act},
        "lists_changed": preview.lists_changed,
        "would_brake": preview.would_brake,
        "may_hold_back": preview.source in hold_back,
        "documents": [
            {"document_id": str(each.document_id), "act": each.act, "title": each.title, "reason": each.reason}
            for each in preview.documents
        ],
    }
