"""The model on a processor, through OpenVINO.

One stream per core instead of one stream over all cores: batches then never wait for the slowest thread of a team.
One stream more than cores: a query always finds a free one. Each call of `run` takes any free infer request;
OpenVINO computes outside Python's global lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from queue import SimpleQueue
from typing import Any

import numpy as np
import openvino as ov

from embedder.config import Precision
from embedder.models import BertWeights, ModelFolder
from embedder.models.folder import SPECIAL_TOKENS
from embedder.models.onnx_folder import OnnxFolder
from embedder.runtimes.bert_graph import build_bert_graph
from embedder.runtimes.onnx_graph import read_onnx_graph
from embedder.runtimes.port import Batching, Pooled
from embedder.runtimes.processor import BATCHING, processor_flags, resolve_precision, usable_cores
from vocabulary.documents import TokenIds

# Each stream holds the activations of its own batch (some 50 MB at 1,024 tokens); more cores share a stream.
_MAX_STREAMS = 8


class GraphRuntime:
    """A compiled encoder and its infer requests. Compiling takes a second or two and blocks.

    The graph takes `ids` and `lengths` and gives `embeddings`, and `features` and `blocks` if it has them.
    """

    def __init__(
        self, graph: ov.Model, *, special_ids: tuple[int, int], threads: int, precision: Precision, library: str
    ) -> None:
        self._special_ids = special_ids
        self._library = library
        self._outputs = {name for each in graph.outputs for name in each.get_names()}
        self._threads = threads or usable_cores()
        self._precision = resolve_precision(precision, processor_flags())
        self._requests: SimpleQueue[Any] = SimpleQueue()
        self._add_requests(graph, streams=self.parallel_runs, threads=self._threads)
        # OpenVINO gives one compiled model no more streams than cores; the extra one needs a model of its own.
        self._add_requests(graph, streams=1, threads=max(1, self._threads // self.parallel_runs))

    @property
    def name(self) -> str:
        return f"{self._library} {self._precision.value}, {self._threads} threads"

    @property
    def parallel_runs(self) -> int:
        return min(self._threads, _MAX_STREAMS)

    @property
    def batching(self) -> Batching:
        return BATCHING

    def run(self, sequences: Sequence[TokenIds]) -> Pooled:
        """Pad a batch, compute it and hand out copies of the poolings."""
        ids, lengths = pad(sequences, self._special_ids)
        request = self._requests.get()
        try:
            outputs = request.infer({"ids": ids, "lengths": lengths}, share_inputs=True)
            features, blocks = (outputs[name] if name in self._outputs else None for name in ("features", "blocks"))
            return Pooled(embeddings=outputs["embeddings"], features=features, blocks=blocks)
        finally:
            self._requests.put(request)

    def _add_requests(self, graph: ov.Model, *, streams: int, threads: int) -> None:
        compiled = ov.Core().compile_model(
            graph,
            "CPU",
            {
                "NUM_STREAMS": streams,
                "INFERENCE_NUM_THREADS": threads,
                "INFERENCE_PRECISION_HINT": "bf16" if self._precision is Precision.BFLOAT16 else "f32",
                "ENABLE_CPU_PINNING": False,  # the extra stream shares the cores with the others
            },
        )
        for _ in range(streams):
            self._requests.put(compiled.create_infer_request())


class OpenVinoRuntime(GraphRuntime):
    """A BERT encoder, built from its weights.

    `blocks` says whether `run` gives the means of blocks too, which a prefilter of toxicity reads.
    """

    def __init__(
        self,
        folder: ModelFolder,
        weights: BertWeights,
        *,
        special_ids: tuple[int, int],
        threads: int,
        precision: Precision,
        blocks: bool = False,
    ) -> None:
        graph = build_bert_graph(folder.shape, weights, folder.pooling, blocks=blocks)
        super().__init__(graph, special_ids=special_ids, threads=threads, precision=precision, library="openvino")


class OnnxRuntime(GraphRuntime):
    """An encoder that comes as ONNX; it has no features to tell toxicity from.

    Raises:
        SettingInvalid: the file is damaged, or no encoder.
    """

    def __init__(self, folder: OnnxFolder, *, special_ids: tuple[int, int], threads: int, precision: Precision) -> None:
        graph = read_onnx_graph(folder.file, pooling=folder.pooling, padding_id=folder.padding_id)
        super().__init__(
            graph, special_ids=special_ids, threads=threads, precision=precision, library="openvino (onnx)"
        )


def pad(
    sequences: Sequence[TokenIds], special_ids: tuple[int, int]
) -> tuple[np.ndarray[Any, np.dtype[np.int32]], np.ndarray[Any, np.dtype[np.int32]]]:
    """Put sequences between their special tokens into one rectangle; returns ids [n, width] and lengths [n]."""
    first, last = special_ids
    lengths = np.array([len(sequence) + SPECIAL_TOKENS for sequence in sequences], dtype=np.int32)
    ids = np.zeros((len(sequences), int(lengths.max())), dtype=np.int32)
    ids[:, 0] = first
    for row, sequence in zip(ids, sequences, strict=True):
        row[1 : len(sequence) + 1] = sequence
        row[len(sequence) + 1] = last
    return ids, lengths
