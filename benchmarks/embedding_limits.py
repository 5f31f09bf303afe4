"""What the machine has to give to the embedder: the rate of its matrix products alone, by the same library.

The products of one layer of the model, [tokens, width] by weights, as one OpenVINO graph in one stream of one thread:
whatever the embedder does besides (attention, normalisation, padding, Python) is what it stays behind this rate.

Source of the count: 2 x multiplications, Kaplan et al., Scaling Laws for Neural Language Models (2020), section 2.1.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as op

from embedder.models import BertShape

BATCH_TOKENS = 1024  # as many as the embedder's own batches have
_SEED = 20


def flop_of_layers(shape: BertShape, lengths: Sequence[int]) -> int:
    """Return the operations that sequences of these lengths need: products with weights, and attention; no padding."""
    attention = 2 * 2 * shape.hidden  # scores, and sums of values by them: for each pair of tokens
    return shape.layers * sum(length * (_flop_of_products(shape) + attention * length) for length in lengths)


class MatrixRate:
    """The products of one layer, compiled; each call of `flop_per_cpu_s` runs them anew."""

    def __init__(self, shape: BertShape, *, precision: str) -> None:
        self._flop = BATCH_TOKENS * _flop_of_products(shape)
        random = np.random.default_rng(_SEED)
        narrow, wide = (op.parameter([BATCH_TOKENS, width], np.float32) for width in (shape.hidden, shape.feed_forward))
        products = [
            op.matmul(given, op.constant(random.normal(size=(columns, width)).astype(np.float32)), False, True)
            for given, width, columns in (
                (narrow, shape.hidden, 3 * shape.hidden),
                (narrow, shape.hidden, shape.hidden),
                (narrow, shape.hidden, shape.feed_forward),
                (wide, shape.feed_forward, shape.hidden),
            )
        ]
        self._request = _compiled(ov.Model([op.result(each) for each in products], [narrow, wide], "layer"), precision)
        self._inputs = [
            random.normal(size=(BATCH_TOKENS, width)).astype(np.float32) for width in (shape.hidden, shape.feed_forward)
        ]

    def flop_per_cpu_s(self, *, repeats: int = 8) -> float:
        """Return the best rate of some runs, in operations per second of processor time."""
        return self._flop / min(self._timed() for _ in range(repeats))

    def _timed(self) -> float:
        return cpu_s(lambda: self._request.infer(self._inputs, share_inputs=True))


def cpu_s(work: Callable[[], Any]) -> float:
    """Return the processor time that some work takes, on all threads of this process."""
    started = time.process_time()
    work()
    return time.process_time() - started


def peak_memory_mb() -> float:
    """Return the most memory that this process has had in use, in megabytes; Linux counts it in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def _flop_of_products(shape: BertShape) -> int:
    """Of one token in one layer: query, key, value and output, then up and down."""
    return 2 * (4 * shape.hidden**2 + 2 * shape.hidden * shape.feed_forward)


def _compiled(graph: ov.Model, precision: str) -> Any:
    hint = "bf16" if precision == "bfloat16" else "f32"
    settings = {"NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": hint}
    return ov.Core().compile_model(graph, "CPU", settings).create_infer_request()
