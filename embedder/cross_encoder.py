"""Query and text read together by one model that says how well they fit: a second look at the best hits.

In come a query and the texts of some hits, out goes a score for each. The folder is one as Hugging Face keeps them,
with `tokenizer.json`, `config.json` and the model as OpenVINO (`openvino_model.xml` and `.bin`) or as ONNX
(`model.onnx`), there or in the subfolder `openvino` or `onnx`; nothing in it is executed. Asked for too much at once,
the model says that it did not get done: whoever asks keeps the order that there was.

Source: Nogueira and Cho, Passage Re-ranking with BERT (2019).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from embedder.runtimes.processor import usable_cores
from vocabulary.errors import ConfigurationError

Scores = npt.NDArray[np.float32]

_MODEL_FILES = ("openvino_model.xml", "openvino/openvino_model.xml", "model.onnx", "onnx/model.onnx")
_INPUTS = frozenset({"input_ids", "attention_mask", "token_type_ids"})
_MAX_TOKENS = 512  # of a pair: what these models are trained with
# Pairs between two looks at the clock: with a MiniLM of six layers some 20 ms on two cores.
_PAIRS_AT_ONCE = 4


class CrossEncoder:
    """A loaded model with a thread of its own. Opened by `open_cross_encoder`."""

    def __init__(self, folder: Path, *, threads: int = 0) -> None:
        """Load the model; blocks for a second or two.

        Raises:
            ConfigurationError: the folder holds no such model.
        """
        self._tokenizer = _tokenizer(folder)
        compiled = _compiled(_model_file(folder), threads=threads or usable_cores())
        self._types = {each.any_name: each.element_type.to_dtype() for each in compiled.inputs}
        self._request = compiled.create_infer_request()
        self._try_out(folder)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="cross-encoder")

    async def score(self, query: str, texts: Sequence[str], *, within_s: float) -> Scores | None:
        """Return how well each text fits the query, float32 [texts]: more is better, and no more than that.

        None: there was not time enough, whoever else has the model now.
        """
        until = time.monotonic() + within_s
        running = asyncio.wrap_future(self._thread.submit(self._score, query, list(texts), until))
        try:
            return await asyncio.wait_for(running, within_s)
        except TimeoutError:
            return None

    def close(self) -> None:
        """Let go of the thread, once what it computes is done."""
        self._thread.shutdown(cancel_futures=True)

    def _score(self, query: str, texts: Sequence[str], until: float) -> Scores | None:
        found = []
        for first in range(0, len(texts), _PAIRS_AT_ONCE):
            if time.monotonic() >= until:
                return None
            found.append(self._logits([(query, text) for text in texts[first : first + _PAIRS_AT_ONCE]])[:, 0])
        return np.concatenate(found) if found else np.zeros(0, np.float32)

    def _logits(self, pairs: list[tuple[str, str]]) -> Scores:
        encoded = self._tokenizer.encode_batch(pairs)
        columns = {
            "input_ids": [each.ids for each in encoded],
            "attention_mask": [each.attention_mask for each in encoded],
            "token_type_ids": [each.type_ids for each in encoded],
        }
        inputs = {name: np.asarray(columns[name], dtype) for name, dtype in self._types.items()}
        return np.array(next(iter(self._request.infer(inputs).values())), np.float32)

    def _try_out(self, folder: Path) -> None:
        try:
            shape = self._logits([("query", "text")]).shape
        except (RuntimeError, ValueError) as error:
            raise ConfigurationError(f"{folder}: the model does not run: {error}") from error
        if shape != (1, 1):
            raise ConfigurationError(f"{folder}: the model gives {list(shape)} numbers for a pair, expected one score")


@asynccontextmanager
async def open_cross_encoder(folder: Path, *, threads: int = 0) -> AsyncIterator[CrossEncoder]:
    """Load the model of a folder beside the event loop, and let go of it at the end.

    Raises:
        ConfigurationError: the folder holds no such model.
    """
    encoder = await asyncio.to_thread(CrossEncoder, folder, threads=threads)
    try:
        yield encoder
    finally:
        await asyncio.to_thread(encoder.close)


def _model_file(folder: Path) -> Path:
    for name in _MODEL_FILES:
        if (folder / name).is_file():
            return folder / name
    raise ConfigurationError(f"{folder}: there is no {' or '.join(_MODEL_FILES)}")


def _compiled(file: Path, *, threads: int) -> Any:
    import openvino as ov  # noqa: PLC0415 - only where a cross-encoder is configured

    try:
        model = ov.Core().read_model(file)
        unknown = {each.any_name for each in model.inputs} - _INPUTS
        if unknown:
            raise ConfigurationError(f"{file}: the model wants {', '.join(sorted(unknown))}, which is not known here")
        options = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "ENABLE_CPU_PINNING": False}
        return ov.Core().compile_model(model, "CPU", options)
    except RuntimeError as error:
        raise ConfigurationError(f"{file}: cannot be read: {error}") from error


def _tokenizer(folder: Path) -> Any:
    file = folder / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:
        raise ConfigurationError(f"{file}: cannot be read: {error}") from error
    tokenizer.enable_padding()
    tokenizer.enable_truncation(_max_tokens(folder / "config.json"))
    return tokenizer


def _max_tokens(file: Path) -> int:
    try:
        positions = json.loads(file.read_text(encoding="utf-8")).get("max_position_embeddings", _MAX_TOKENS)
        return min(_MAX_TOKENS, int(positions))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"{file}: cannot be read: {error}") from error
