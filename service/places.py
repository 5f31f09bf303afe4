"""Where indexes are kept, engine by engine: how a place is opened, made known to others, and removed.

The first building of an index is where the settings say; later ones lie beside it, told apart by a number.
"""

from __future__ import annotations

import asyncio
import glob
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from indexer.backends.embedded import EmbeddedBackend
from indexer.reindexing import OpenedPlace, Place, PlaceUnknown
from service.enrichers import Enrichers
from service.settings.indexes import EmbeddedIndexSettings, IndexSettings, OpenSearchIndexSettings
from service.settings.settings import Settings
from vocabulary.errors import ConfigurationError, SettingInvalid, SightlineError
from vocabulary.ports import CheckResult, SearchBackend
from vocabulary.search import Tuning

_MISSING_EXTRA = 'engine: "opensearch" needs the extra sightline[opensearch]'
_DATABASE_FILES = ("", "-wal", "-shm", "-picture", "-vectors")


@dataclass(frozen=True, slots=True)
class IndexPlaces:
    """The places that the settings lead to: the `PlaceKeeper` of every index."""

    settings: Settings
    enrichers: Enrichers
    plain_filters: Counter[str] = field(default_factory=Counter)  # by index: how many went to a cluster as plain ids

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncIterator[OpenedPlace]:
        """Open an index where it is kept; what is wrong there is told with the setting that leads to it.

        Raises:
            SettingInvalid: it cannot be opened, or its engine is not installed.
            IndexBusy: its cluster does not answer.
        """
        configured = self._configured(place)
        enricher = await self.enrichers.of(place.model)
        async with AsyncExitStack() as opened:
            try:
                backend = await opened.enter_async_context(self._backend(configured, place, enricher.dimensions))
            except ConfigurationError as error:
                raise SettingInvalid(f"indexes.{place.index}.{configured.told(str(error))}") from error
            yield OpenedPlace(backend, enricher)

    async def check(self, place: Place) -> Sequence[CheckResult]:
        """Look at what an index needs of others before it is opened. A failure is a result, not an error."""
        configured = self._configured(place)
        if isinstance(configured, EmbeddedIndexSettings):
            return ()
        try:
            from indexer.backends.opensearch.checks import check_cluster  # noqa: PLC0415 - an extra
        except ModuleNotFoundError:
            return (CheckResult("engine", passed=False, message=_MISSING_EXTRA),)
        config = configured.config(place.index, generation=place.generation)
        try:
            dimensions = (await self.enrichers.of(place.model)).dimensions
            return await check_cluster(config, dimensions=dimensions, languages=_languages(configured, place))
        except SightlineError as error:  # of certificates and keys, before anybody was asked
            return (CheckResult("connection", passed=False, message=str(error)),)

    async def announce(self, index: str, place: Place) -> None:
        """Tell other programs where the index is; nobody but us reads the files of the embedded engine."""
        configured = self._configured(place)
        if isinstance(configured, OpenSearchIndexSettings):
            from indexer.backends.opensearch.lifecycle import point_alias  # noqa: PLC0415 - an extra

            await point_alias(configured.config(place.index, generation=place.generation))

    async def remove(self, place: Place) -> None:
        """Remove what is kept there. A process that still has files of it open sees them until it looks again."""
        configured = self._configured(place)
        if isinstance(configured, EmbeddedIndexSettings):
            await asyncio.to_thread(_remove, file_of(configured, place))
            return
        from indexer.backends.opensearch.lifecycle import remove_index  # noqa: PLC0415 - an extra

        await remove_index(configured.config(place.index, generation=place.generation))

    def _backend(
        self, configured: IndexSettings, place: Place, dimensions: int
    ) -> AbstractAsyncContextManager[SearchBackend]:
        languages, tuning = _languages(configured, place), _tuning(configured, place)
        if isinstance(configured, EmbeddedIndexSettings):
            file = file_of(configured, place)
            return EmbeddedBackend(file, dimensions=dimensions, languages=languages, tuning=tuning)
        try:
            from indexer.backends.opensearch.backend import OpenSearchBackend  # noqa: PLC0415 - an extra
        except ModuleNotFoundError as error:
            raise SettingInvalid(_MISSING_EXTRA) from error
        return OpenSearchBackend(
            configured.config(place.index, generation=place.generation),
            dimensions=dimensions,
            languages=languages,
            tuning=tuning,
            on_plain_filter=lambda: self.plain_filters.update((place.index,)),
        )

    def _configured(self, place: Place) -> IndexSettings:
        if place.index not in self.settings.indexes:
            raise PlaceUnknown(f"indexes.{place.index}: missing, and an index has been moved there")
        return self.settings.indexes[place.index]


def _tuning(configured: IndexSettings, place: Place) -> Tuning:
    if configured.ranking is None:
        return Tuning()
    try:
        return configured.ranking.tuning()
    except ConfigurationError as error:
        raise SettingInvalid(f"indexes.{place.index}.{configured.told(str(error))}") from error


def _languages(configured: IndexSettings, place: Place) -> tuple[str, ...]:
    return configured.languages if place.languages is None else place.languages


def file_of(configured: EmbeddedIndexSettings, place: Place) -> Path:
    """Name the file of one building of an embedded index: PATH, then PATH.2 and so on."""
    path = configured.path
    return path if place.generation == 1 else path.with_name(f"{path.name}.{place.generation}")


def _remove(file: Path) -> None:
    for suffix in _DATABASE_FILES:
        place = file.with_name(file.name + suffix)
        for left in (place, *place.parent.glob(f"{glob.escape(place.name)}.new-*")):  # not yet in their place
            left.unlink(missing_ok=True)
