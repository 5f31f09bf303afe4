"""What this processor can do, and the batches that suit one: shared by the runtimes that compute on it.

Pure Python: whoever asks has imported no library of a runtime yet.
"""

from __future__ import annotations

import os
from pathlib import Path

from embedder.config import Precision
from embedder.runtimes.port import Batching
from vocabulary.errors import SettingInvalid

# Larger batches fall out of the second-level cache and gain nothing, and they delay the next request: decision 003.
BATCHING = Batching(max_tokens=1024, look_ahead=1024)

# Processors with matrix or dot products of bfloat16: 3.7 times torch's float32 at cosine 0.99997 (decision 003).
# Without these flags a library would emulate bfloat16 and lose both speed and accuracy.
_BFLOAT16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})


def usable_cores() -> int:
    """Return how many cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor_flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """Return the instruction sets of this processor as Linux names them; empty where it cannot be told."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    flags = next((line for line in lines if line.startswith("flags")), "")
    return frozenset(flags.partition(":")[2].split())


def resolve_precision(precision: Precision, flags: frozenset[str]) -> Precision:
    """Return the arithmetic that a processor with these flags computes in.

    Raises:
        SettingInvalid: it was asked for one that the processor has not in hardware.
    """
    fast = bool(flags & _BFLOAT16_FLAGS)
    if precision is Precision.FLOAT16:
        raise SettingInvalid("embedder.precision: float16 needs a GPU; use auto, bfloat16 or float32")
    if precision is Precision.BFLOAT16 and not fast:
        raise SettingInvalid("embedder.precision: this processor has no bfloat16 products; use auto or float32")
    if precision is Precision.AUTO:
        return Precision.BFLOAT16 if fast else Precision.FLOAT32
    return precision
