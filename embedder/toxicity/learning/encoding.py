"""Texts to what the model reads of them: tokens and pooled features, each text once.

Encoding is nearly all that training costs, and only the network needs it. Features are kept as float16 (a quarter of
their use in float64; the network's input noise is larger), in memory or, where a folder is given, on disk, so that the
next training with the same encoder goes on where the last one was.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Self

import numpy as np
import numpy.typing as npt

from embedder.batching import plan_batches
from embedder.config import Precision
from embedder.models import BertWeights, ModelFolder, locate_model, read_model_folder, read_weights
from embedder.models.folder import SPECIAL_TOKENS
from embedder.runtimes.openvino import OpenVinoRuntime
from embedder.runtimes.port import BLOCK_TOKENS, Runtime
from embedder.tokeniser import Tokeniser
from embedder.toxicity.model import OwnLayers
from embedder.toxicity.ngrams import Array
from vocabulary.documents import ReadText, TokenIds
from vocabulary.errors import SettingInvalid

_KEY_BYTES = 16
_STEP = 500  # texts between two reports of progress; an interrupted run loses at most so many
Progress = Callable[[int, int], None]


class FeatureStore:
    """Features by token ids, float16; on disk two files that only grow, where a folder is given.

    Several trainings may use a folder at once: each appends under a lock, and takes up what the others appended.
    """

    def __init__(self, width: int, folder: Path | None = None) -> None:
        self.width = width
        self._rows: dict[bytes, int] = {}
        self._count = 0
        self._memory: list[npt.NDArray[np.float16]] = []
        self._keys = self._values = None
        if folder is not None:
            self._keys, self._values = folder / "keys.bin", folder / "features.f16"
            try:
                folder.mkdir(parents=True, exist_ok=True)
                with self._locked(self._keys, self._values):
                    pass
            except OSError as error:
                raise SettingInvalid(f"cache: {folder} cannot be used: {error}") from error

    def lacks(self, ids: TokenIds) -> bool:
        return _key(ids) not in self._rows

    def add(self, sequences: Sequence[TokenIds], features: Array) -> None:
        """Keep features [n, width] of sequences that it lacks."""
        half = features.astype("<f2")
        keys = [_key(ids) for ids in sequences]
        if self._keys is None or self._values is None:
            self._memory.append(half)
        else:
            with self._locked(self._keys, self._values) as (names, values):
                values.write(half.tobytes())
                values.flush()  # before the names: see _take_up
                names.write(b"".join(keys))
        self._rows.update(zip(keys, range(self._count, self._count + len(keys)), strict=True))
        self._count += len(keys)

    def of(self, sequences: Sequence[TokenIds]) -> Array:
        """Return features, float32 [n, width].

        Raises:
            KeyError: a sequence that was not added.
        """
        rows = np.array([self._rows[_key(ids)] for ids in sequences], dtype=np.int64)
        return self._all()[rows].astype(np.float32)

    def _all(self) -> npt.NDArray[np.float16]:
        if self._values is not None and self._count:
            return np.memmap(self._values, dtype="<f2", mode="r", shape=(self._count, self.width))
        self._memory = [np.concatenate([np.empty((0, self.width), np.float16), *self._memory])]
        return self._memory[0]

    @contextmanager
    def _locked(self, keys: Path, values: Path) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
        """Open the files to append to while no other training does, with all that others have appended taken up."""
        with values.open("ab") as open_values, keys.open("ab") as open_keys:
            fcntl.flock(open_keys, fcntl.LOCK_EX)  # until it is closed
            self._take_up(keys, values)
            yield open_keys, open_values

    def _take_up(self, keys: Path, values: Path) -> None:
        """Learn of rows that other trainings left; one that a killed run had no time to finish is cut off."""
        row = 2 * self.width
        count = min(keys.stat().st_size // _KEY_BYTES, values.stat().st_size // row)
        os.truncate(keys, count * _KEY_BYTES)
        os.truncate(values, count * row)
        with keys.open("rb") as stream:
            stream.seek(self._count * _KEY_BYTES)
            names = stream.read()
        for start in range(0, len(names), _KEY_BYTES):
            self._rows[names[start : start + _KEY_BYTES]] = self._count + start // _KEY_BYTES
        self._count = count


@dataclass(frozen=True, slots=True, eq=False)
class Encoder:
    """A loaded encoder with its tokeniser and a store of what it has encoded."""

    name: str
    sha256: str
    folder: ModelFolder
    weights: BertWeights
    runtime: Runtime
    tokeniser: Tokeniser
    max_tokens: int
    max_batch_tokens: int
    store: FeatureStore

    @classmethod
    def load(cls, model: str, *, cache: Path | None = None) -> Self:
        """Load a model for training, in float32 so that the features are those of any processor. Blocks for seconds.

        Raises:
            ConfigurationError: see `locate_model` and `read_weights`; or the cache cannot be used.
        """
        location = locate_model(model)
        folder = read_model_folder(location.folder)
        weights = read_weights(folder, expected_sha256=location.sha256)
        tokeniser = Tokeniser(folder.tokenizer_file, vocabulary=folder.shape.vocabulary)
        runtime = _opened(folder, weights, tokeniser, blocks=True)
        place = cache and cache / f"{location.name}-{weights.sha256[:12]}-{tokeniser.sha256[:12]}"
        return cls(
            name=location.name,
            sha256=weights.sha256,
            folder=folder,
            weights=weights,
            runtime=runtime,
            tokeniser=tokeniser,
            max_tokens=folder.max_tokens,
            max_batch_tokens=runtime.batching.max_tokens,
            store=FeatureStore(4 * folder.shape.hidden, place),
        )

    def with_layers(self, own: OwnLayers | None) -> Encoder:
        """Return the encoder whose poolings a model's heads read: with its own layers, which gives no blocks, or this.

        What it encodes is kept in memory alone.

        Raises:
            SettingInvalid: the layers do not fit this encoder.
        """
        if own is None:
            return self
        try:
            weights = self.weights.replaced(own.tensors)
        except ValueError as error:
            raise SettingInvalid(f"the model's own layers do not fit {self.name}: {error}") from error
        runtime = _opened(self.folder, weights, self.tokeniser, blocks=False)
        return replace(self, weights=weights, runtime=runtime, store=FeatureStore(self.store.width))

    def read(self, texts: Sequence[str]) -> list[ReadText]:
        return [ReadText(text, self.tokeniser.tokenise(text)) for text in texts]

    def features(self, texts: Sequence[ReadText], progress: Progress = lambda done, total: None) -> Array:
        """Return pooled features, float32 [n, 4 * hidden]; runs the encoder over what the store lacks."""
        sequences = [text.tokens.ids[: self.max_tokens] for text in texts]
        lacking = list({_key(ids): ids for ids in sequences if self.store.lacks(ids)}.values())
        with ThreadPoolExecutor(self.runtime.parallel_runs) as threads:
            for start in range(0, len(lacking), _STEP):
                progress(start, len(lacking))
                step = lacking[start : start + _STEP]
                self.store.add(step, self._encode(step, threads))
        return self.store.of(sequences)

    def blocks(self, sequences: Sequence[TokenIds]) -> list[Array]:
        """Return each sequence's blocks, float32 [blocks, 3 * hidden], for the prefilter; nothing of it is kept."""
        found: list[Array] = [np.empty((0, 0), dtype=np.float32)] * len(sequences)

        def run(batch: list[int]) -> None:
            blocks = self.runtime.run([sequences[position] for position in batch]).blocks
            if blocks is None:
                raise ValueError(f"{self.runtime.name} gives no blocks to learn from")
            for position, row in zip(batch, blocks, strict=True):
                count = -(-(len(sequences[position]) + SPECIAL_TOKENS) // BLOCK_TOKENS)
                found[position] = row[:count].astype(np.float32)  # a copy, so that the batch can go

        lengths = [len(ids) + SPECIAL_TOKENS for ids in sequences]
        with ThreadPoolExecutor(self.runtime.parallel_runs) as threads:
            for _ in threads.map(run, plan_batches(lengths, max_tokens=self.max_batch_tokens)):
                pass
        return found

    def _encode(self, sequences: Sequence[TokenIds], threads: ThreadPoolExecutor) -> Array:
        features: Array = np.empty((len(sequences), self.store.width), dtype=np.float32)

        def run(batch: list[int]) -> None:
            pooled = self.runtime.run([sequences[position] for position in batch])
            if pooled.features is None:
                raise ValueError(f"{self.runtime.name} gives no features to learn from")
            features[batch] = pooled.features

        lengths = [len(ids) + SPECIAL_TOKENS for ids in sequences]
        for _ in threads.map(run, plan_batches(lengths, max_tokens=self.max_batch_tokens)):
            pass
        return features


def _opened(folder: ModelFolder, weights: BertWeights, tokeniser: Tokeniser, *, blocks: bool) -> OpenVinoRuntime:
    return OpenVinoRuntime(
        folder, weights, special_ids=tokeniser.special_ids, threads=0, precision=Precision.FLOAT32, blocks=blocks
    )


def _key(ids: TokenIds) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(ids, dtype="<i4").tobytes(), digest_size=_KEY_BYTES).digest()
