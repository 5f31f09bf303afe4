"""The three protocols by which an endpoint embeds texts: what is asked, and how the answer is read.

Pure: texts come in, a path and a JSON value go out; a parsed answer comes in, numbers go out. Whether the numbers are
as many as they should be, and numbers at all, is looked at once for all three (`checked_vectors`).

Sources: OpenAI API reference, "Create embeddings"; text-embeddings-inference, `POST /embed`; Open Inference Protocol
(github.com/kserve/open-inference-protocol), REST, version 2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from embedder.config import RemoteProtocol

Vectors = npt.NDArray[np.float32]


class AnswerWrong(ValueError):
    """The endpoint's answer is not what its protocol says, or not what was asked for. The message quotes nothing."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """One way to ask, for one model of the endpoint."""

    path: str  # behind the endpoint's address
    question: Callable[[Sequence[str]], Any]
    rows: Callable[[Any, int], Any]  # the answer and the number of texts: a list of as many lists, if all is well


def protocol_of(kind: RemoteProtocol, model: str) -> Protocol:
    """Return the way to ask a model of the endpoint."""
    match kind:
        case RemoteProtocol.OPENAI:
            return Protocol("/embeddings", lambda texts: _openai_question(model, texts), _openai_rows)
        case RemoteProtocol.TEI:
            return Protocol("/embed", _tei_question, lambda answer, _: answer)
        case RemoteProtocol.V2:
            return Protocol(f"/v2/models/{quote(model, safe='')}/infer", _v2_question, _v2_rows)


def checked_vectors(rows: Any, *, count: int, dimensions: int) -> Vectors:
    """Return the rows as unit vectors, float32 [count, dimensions].

    Raises:
        AnswerWrong: too few or too many, of another size, or with something that is no finite number.
    """
    try:
        vectors = np.array(rows, dtype=np.float32)
    except (TypeError, ValueError, OverflowError):
        raise AnswerWrong("what should be vectors are not lists of numbers of one length") from None
    if not vectors.ndim:
        raise AnswerWrong("no list of vectors")
    if len(vectors) != count:
        raise AnswerWrong(f"{len(vectors)} vectors for {count} texts")
    if vectors.shape != (count, dimensions):
        size = vectors.shape[1] if vectors.ndim == 2 else 0
        raise AnswerWrong(f"vectors of {size} numbers, and embedder.remote.dimensions says {dimensions}")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or not lengths.all():
        raise AnswerWrong("a vector with something that is no finite number, or of length 0")
    unit: Vectors = vectors / lengths
    return unit


def _openai_question(model: str, texts: Sequence[str]) -> Mapping[str, Any]:
    return {"model": model, "input": list(texts), "encoding_format": "float"}


def _openai_rows(answer: Any, _: int) -> list[Any]:
    """Put the vectors in the order of their own numbers: a server may send them in any."""
    try:
        numbered = sorted(((int(entry["index"]), entry["embedding"]) for entry in answer["data"]), key=itemgetter(0))
    except (KeyError, TypeError, ValueError, OverflowError):  # an index of Infinity is the last
        raise AnswerWrong("no list `data` of embeddings with their `index`") from None
    if [index for index, _ in numbered] != list(range(len(numbered))):
        raise AnswerWrong("embeddings whose `index` is not 0, 1, 2 and so on")
    return [embedding for _, embedding in numbered]


def _tei_question(texts: Sequence[str]) -> Mapping[str, Any]:
    # Not truncated there: texts were cut here already, and what is too long all the same must be heard of.
    return {"inputs": list(texts), "truncate": False, "normalize": True}


def _v2_question(texts: Sequence[str]) -> Mapping[str, Any]:
    return {"inputs": [{"name": "text", "datatype": "BYTES", "shape": [len(texts)], "data": list(texts)}]}


def _v2_rows(answer: Any, count: int) -> Any:
    """Take the one output of two dimensions; its numbers may come flat or in rows."""
    try:
        matrices = [each for each in answer["outputs"] if len(each["shape"]) == 2 and each["shape"][0] == count]
        (matrix,) = matrices
        return np.array(matrix["data"], dtype=np.float64).reshape(matrix["shape"])
    except (KeyError, TypeError, ValueError, OverflowError):
        raise AnswerWrong(f"no single output of shape [{count}, …] with as many numbers") from None
