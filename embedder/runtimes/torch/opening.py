"""From settings to a runtime on torch: which device, which arithmetic, how much at once, which of the two ways.

Nothing here or above imports torch before a runtime is opened: the plain product does without it.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embedder.config import Precision
from embedder.models import BertWeights, ModelFolder
from embedder.models.library_folder import LibraryFolder
from embedder.runtimes.port import Batching, Runtime
from embedder.runtimes.processor import BATCHING as PROCESSOR_BATCHING
from embedder.runtimes.processor import processor_flags, resolve_precision, usable_cores
from vocabulary.errors import SettingInvalid, SettingMissing

if TYPE_CHECKING:
    import torch

    from embedder.runtimes.torch.devices import Device

# So many tokens amortise the launches of a pass, and its activations stay near an H200's cache: decision 014.
_GPU_TOKENS, _GPU_AHEAD = 16_384, 8_192
_GPU_RUNS = 3  # one batch on its way there, one being computed, one on its way back
_MAX_PROCESSOR_RUNS = 8  # each holds the activations of its own batch


@dataclass(frozen=True, slots=True)
class TorchSettings:
    """What an operator may set of this runtime; zeros and `auto` leave it to the runtime."""

    device: str = "auto"  # auto, cpu, cuda or cuda:N
    precision: Precision = Precision.AUTO
    threads: int = 0
    max_batch_tokens: int = 0
    look_ahead: int = 0


def is_torch_installed() -> bool:
    return all(importlib.util.find_spec(name) is not None for name in ("torch", "sentence_transformers"))


def has_gpu() -> bool:
    """Say whether torch is installed and finds a GPU. Imports torch, which takes seconds."""
    if not is_torch_installed():
        return False
    import torch  # noqa: PLC0415 - only where it is installed

    return bool(torch.cuda.is_available())


def open_torch_runtime(
    folder: ModelFolder | LibraryFolder,
    weights: BertWeights | None,
    *,
    special_ids: tuple[int, int],
    settings: TorchSettings,
    blocks: bool = False,
) -> Runtime:
    """Load a model: a BERT encoder from its weights, any other through sentence-transformers. Blocks for seconds.

    Raises:
        SettingMissing: torch or sentence-transformers is not installed.
        SettingInvalid: the device, the precision or the model cannot be had.
    """
    if not is_torch_installed():
        raise SettingMissing('embedder.runtime: torch is not installed; install it with `pip install "sightline[gpu]"`')
    import torch  # noqa: PLC0415 - only where it is asked for

    from embedder.runtimes.torch.devices import open_device  # noqa: PLC0415 - as above
    from embedder.runtimes.torch.ladder import NoRung  # noqa: PLC0415 - as above

    device = open_device(settings.device)
    try:
        if isinstance(folder, LibraryFolder):
            return _open_library(folder, special_ids, device, settings, blocks=blocks)
        if weights is None:
            raise ValueError("a BERT encoder is computed from its weights")
        return _open_packed(folder, weights, special_ids, device, settings, blocks=blocks)
    except torch.cuda.OutOfMemoryError as error:
        raise SettingInvalid(f"embedder.device: {device.name} has no room for the model: {error}") from error
    except NoRung as error:
        raise SettingInvalid(f"embedder.runtime: {error}") from error


def _open_packed(
    folder: ModelFolder,
    weights: BertWeights,
    special_ids: tuple[int, int],
    device: Device,
    settings: TorchSettings,
    *,
    blocks: bool,
) -> Runtime:
    from embedder.runtimes.torch.packed import CPU_RUNGS, GPU_RUNGS, PackedTorchRuntime  # noqa: PLC0415 - as above

    on_gpu = device.name != "cpu"
    return PackedTorchRuntime(
        folder,
        weights,
        special_ids=special_ids,
        device=device,
        dtype=_dtype(settings.precision, on_gpu=on_gpu),
        parallel_runs=_GPU_RUNS if on_gpu else _processor_runs(settings.threads),
        batching=_batching(
            settings, Batching(max_tokens=_GPU_TOKENS, look_ahead=_GPU_AHEAD, packed=True), on_gpu=on_gpu
        ),
        rungs=GPU_RUNGS if on_gpu else CPU_RUNGS,
        blocks=blocks,
    )


def _open_library(
    folder: LibraryFolder, special_ids: tuple[int, int], device: Device, settings: TorchSettings, *, blocks: bool
) -> Runtime:
    from embedder.runtimes.torch.library import LibraryTorchRuntime  # noqa: PLC0415 - as above

    on_gpu = device.name != "cpu"
    return LibraryTorchRuntime(
        folder,
        special_ids=special_ids,
        device=device,
        dtype=_dtype(settings.precision, on_gpu=on_gpu),
        parallel_runs=1 if on_gpu else _processor_runs(settings.threads),
        batching=_batching(settings, Batching(max_tokens=_GPU_TOKENS, look_ahead=_GPU_AHEAD), on_gpu=on_gpu),
        blocks=blocks,
    )


def _batching(settings: TorchSettings, of_gpu: Batching, *, on_gpu: bool) -> Batching:
    wanted = of_gpu if on_gpu else PROCESSOR_BATCHING
    return wanted.with_settings(max_tokens=settings.max_batch_tokens, look_ahead=settings.look_ahead)


def _processor_runs(threads: int) -> int:
    """Return how many batches run at once on a processor, and give each its share of the threads."""
    import torch  # noqa: PLC0415 - as above

    cores = threads or usable_cores()
    runs = min(cores, _MAX_PROCESSOR_RUNS)
    torch.set_num_threads(max(1, cores // runs))
    return runs


def _dtype(precision: Precision, *, on_gpu: bool) -> torch.dtype:
    import torch  # noqa: PLC0415 - as above

    if on_gpu:  # every GPU that torch supports multiplies float16 in hardware, and it is closer than bfloat16
        precision = Precision.FLOAT16 if precision is Precision.AUTO else precision
    else:
        precision = resolve_precision(precision, processor_flags())
    found: torch.dtype = getattr(torch, precision.value)
    return found
