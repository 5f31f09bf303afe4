"""Attention over sequences that lie end to end: the kernels that torch offers for it, and which of them to trust.

Which kernel exists depends on torch's version, the device, the arithmetic and the size of a head, and a kernel that
runs is not yet one that is right. So they are tried in turn, fastest first, and the first one is taken whose results
equal plain attention in float32. None of them copies the queries, keys and values together into rectangles but the
last, which runs everywhere.

Source: Dao et al., FlashAttention (2022); torch.nn.attention.varlen; torch.nested (layout jagged).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

# query, key and value [tokens, heads, head size], offsets int32 [sequences + 1], the longest sequence;
# tokens behind the last offset belong to no sequence, and their rows of the result are anything.
Attention: TypeAlias = Callable[[Tensor, Tensor, Tensor, Tensor, int], Tensor]

# The largest difference to plain attention of values around 1: float16 and bfloat16 keep 3 and 2 digits.
_TOLERANCE = {torch.float32: 1e-4, torch.float16: 5e-3, torch.bfloat16: 4e-2}
_PROBE_OFFSETS = (0, 1, 8, 40, 40, 43)  # single tokens, an empty sequence and rows behind the last one, too
_PROBE_TOKENS = 48
_PROBE_LONGEST = 32

# Which kernel torch may take is one setting of the process, not of a thread: two threads would undo each other's.
_backend_choice = threading.Lock()

_log = logging.getLogger(__name__)


class NoAttention(RuntimeError):
    """No kernel for attention runs here and gives what it should."""


def varlen(query: Tensor, key: Tensor, value: Tensor, offsets: Tensor, longest: int) -> Tensor:
    """torch's own door to kernels for packed sequences, from 2.10 on."""
    from torch.nn.attention.varlen import varlen_attn  # noqa: PLC0415 - older versions do not have it

    attended: Tensor = varlen_attn(query, key, value, offsets, offsets, longest, longest)
    return attended


def flash(query: Tensor, key: Tensor, value: Tensor, offsets: Tensor, longest: int) -> Tensor:
    with _backend_choice, sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        return jagged(query, key, value, offsets, longest)


def efficient(query: Tensor, key: Tensor, value: Tensor, offsets: Tensor, longest: int) -> Tensor:
    with _backend_choice, sdpa_kernel(SDPBackend.EFFICIENT_ATTENTION):
        return jagged(query, key, value, offsets, longest)


def jagged(query: Tensor, key: Tensor, value: Tensor, offsets: Tensor, longest: int) -> Tensor:
    """Attention of torch's nested tensors; lengths are given, so that nothing is asked back from the device."""
    # Nested tensors have no rows outside: those behind the last offset become a sequence that nobody reads.
    offsets = torch.cat([offsets, torch.full_like(offsets[:1], len(query))])
    parts = (
        torch.nested.nested_tensor_from_jagged(part, offsets, min_seqlen=1, max_seqlen=longest).transpose(1, 2)
        for part in (query.contiguous(), key.contiguous(), value.contiguous())
    )
    attended: Tensor = scaled_dot_product_attention(*parts).transpose(1, 2).values()
    return attended


def padded(query: Tensor, key: Tensor, value: Tensor, offsets: Tensor, longest: int) -> Tensor:
    """Lay the sequences into a rectangle, attend under a mask and take them out again: runs everywhere."""
    ends = offsets[1:].contiguous()
    token = torch.arange(len(query), device=query.device, dtype=offsets.dtype)
    # Rows behind the last offset land in the last sequence, at places that its mask hides or its own rows have.
    row = torch.searchsorted(ends, token, right=True).clamp_(max=len(ends) - 1)
    column = (token - offsets[row]).clamp_(0, longest)
    parts = (_rectangle(part, row, column, len(ends), longest) for part in (query, key, value))
    lengths = (ends - offsets[:-1]).clamp(min=1)  # an empty sequence attends to its own padding instead of to nothing
    mask = torch.arange(longest, device=query.device) < lengths[:, None, None, None]
    attended = scaled_dot_product_attention(*parts, attn_mask=mask).transpose(1, 2)
    return attended[row, column.clamp_(max=longest - 1)]


def _rectangle(part: Tensor, row: Tensor, column: Tensor, sequences: int, longest: int) -> Tensor:
    """Return [sequences, heads, longest, head size]; one column more takes what belongs to no sequence."""
    room = part.new_zeros(sequences, longest + 1, *part.shape[1:])
    return room.index_put_((row, column), part)[:, :longest].transpose(1, 2)


KERNELS: Mapping[str, Attention] = {"varlen": varlen, "flash": flash, "efficient": efficient, "padded": padded}


def choose_attention(names: Sequence[str], *, heads: int, head_size: int, device: str, dtype: torch.dtype) -> str:
    """Return the first kernel of these that runs on the device and gives what plain attention gives.

    Raises:
        NoAttention: none does.
    """
    for name in names:
        try:
            difference = _difference(KERNELS[name], heads, head_size, device, dtype)
        except (RuntimeError, ImportError, ValueError, NotImplementedError) as error:
            _log.info("attention %s does not run on %s: %s", name, device, str(error).partition("\n")[0])
            continue
        if difference <= _TOLERANCE[dtype]:
            return name
        _log.warning("attention %s on %s is off by %.3g and is not used", name, device, difference)
    raise NoAttention(f"no kernel for attention works on {device} in {dtype}: {', '.join(names)}")


def _difference(attention: Attention, heads: int, head_size: int, device: str, dtype: torch.dtype) -> float:
    generator = torch.Generator().manual_seed(0)
    # Views of one matrix, as an encoder has them: kernels differ in what strides they take.
    joint = torch.randn(_PROBE_TOKENS, 3, heads, head_size, generator=generator).to(dtype)
    query, key, value = joint.to(device).unbind(1)
    offsets = torch.tensor(_PROBE_OFFSETS, dtype=torch.int32)
    on_device = attention(query, key, value, offsets.to(device), _PROBE_LONGEST)
    found = on_device.float().cpu()
    wanted = _plain(*joint.float().unbind(1))
    worst = (found[: len(wanted)] - wanted).abs().max()
    return float(worst.nan_to_num(nan=float("inf")))


def _plain(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention as the formula has it, one sequence after the other."""
    rows = []
    for start, end in pairwise(_PROBE_OFFSETS):
        scores = torch.einsum("qhd,khd->hqk", query[start:end], key[start:end]) / query.shape[-1] ** 0.5
        rows.append(torch.einsum("hqk,khd->qhd", scores.softmax(-1), value[start:end]))
    return torch.cat(rows)
