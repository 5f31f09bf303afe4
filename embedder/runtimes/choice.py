"""Which runtime computes a model here, and why: by the settings, by what the model's folder holds, by the machine.

    torch      where it finds a GPU; and for what nothing else can compute
    openvino   BERT encoders on a processor
    onnx       models of other architectures that come as ONNX, on a processor

Nothing of a library is imported before it is chosen: torch takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from embedder.config import EmbedderConfig, RuntimeName
from embedder.models import BertWeights, ModelFolder, ModelLocation, read_model_folder, read_weights
from embedder.models.folder import OtherArchitecture
from embedder.models.library_folder import LibraryFolder, read_library_folder
from embedder.models.onnx_folder import OnnxFolder, onnx_file, read_onnx_folder
from embedder.runtimes.port import Runtime
from embedder.runtimes.torch import TorchSettings, has_gpu, is_torch_installed, open_torch_runtime
from vocabulary.errors import SettingInvalid, SettingMissing

Tensor: TypeAlias = npt.NDArray[np.floating[Any]]

# One of them is there where a driver for NVIDIA's cards is; without, torch need not be imported to learn of it.
_DRIVERS = (Path("/dev/nvidiactl"), Path("/dev/dxg"))
_EXTRA = 'torch computes it, with `pip install "sightline[gpu]"`'


class ModelFacts(Protocol):
    """What must be known of a model around its computation."""

    @property
    def tokenizer_file(self) -> Path: ...

    @property
    def vocabulary(self) -> int: ...

    @property
    def dimensions(self) -> int: ...

    @property
    def max_tokens(self) -> int:
        """The longest sequence without special tokens."""
        ...

    @property
    def query_prompt(self) -> str: ...

    @property
    def pooling_name(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Machine:
    """What this machine has; asked only where it matters."""

    has_torch: Callable[[], bool] = is_torch_installed
    has_gpu: Callable[[], bool] = lambda: any(driver.exists() for driver in _DRIVERS) and has_gpu()


@dataclass(frozen=True)
class Folder:
    """What a model's folder can be read as."""

    path: Path

    @cached_property
    def bert(self) -> ModelFolder | SettingInvalid:
        """The folder as that of a BERT encoder, or why it is none."""
        try:
            return read_model_folder(self.path)
        except SettingInvalid as error:
            return error

    @property
    def has_onnx(self) -> bool:
        return onnx_file(self.path) is not None


@dataclass(frozen=True, slots=True)
class Choice:
    """What computes a model, and why, in words for an operator."""

    runtime: RuntimeName
    why: str


def choose(config: EmbedderConfig, folder: Folder, machine: Machine) -> Choice:
    """Choose a runtime.

    Raises:
        OtherArchitecture: only torch computes such a model, and it is not installed.
        SettingInvalid: the settings and the folder do not go together, or the folder is damaged.
    """
    if config.runtime is not RuntimeName.AUTO:
        return _as_set(config, folder)
    if config.device != "cpu" and machine.has_torch() and machine.has_gpu():
        return Choice(RuntimeName.TORCH, "auto: there is a GPU")
    if config.device.startswith("cuda"):
        return Choice(RuntimeName.TORCH, f'embedder.device = "{config.device}"')
    if isinstance(folder.bert, ModelFolder):
        return Choice(RuntimeName.OPENVINO, "auto: a BERT encoder, on the processor")
    if folder.has_onnx:
        return Choice(RuntimeName.ONNX, "auto: the model comes as ONNX")
    if isinstance(folder.bert, OtherArchitecture) and machine.has_torch():
        return Choice(RuntimeName.TORCH, "auto: nothing else computes this kind of model")
    raise folder.bert


def _as_set(config: EmbedderConfig, folder: Folder) -> Choice:
    choice = Choice(config.runtime, f'embedder.runtime = "{config.runtime}"')
    if choice.runtime is not RuntimeName.TORCH and config.device.startswith("cuda"):
        raise SettingInvalid(f"embedder.device: the runtime {config.runtime} computes on the processor; {_EXTRA}")
    if choice.runtime is RuntimeName.OPENVINO and isinstance(folder.bert, SettingInvalid):
        raise folder.bert
    if choice.runtime is RuntimeName.ONNX and not folder.has_onnx:
        raise SettingMissing(f"embedder.runtime: {folder.path} holds no onnx/model.onnx")
    return choice


@dataclass(frozen=True, slots=True)
class ChosenModel:
    """A model whose folder is read and whose runtime is chosen; `open` loads it."""

    facts: ModelFacts
    sha256: str  # of the weights
    choice: Choice
    open: Callable[[tuple[int, int], bool], Runtime]  # special ids; whether the means of blocks are wanted
    # The same encoder with some tensors replaced, for a fine-tuned toxicity model; only of what is computed anew here.
    open_with: Callable[[tuple[int, int], Mapping[str, Tensor]], Runtime] | None = None


def read_model(location: ModelLocation, config: EmbedderConfig, *, machine: Machine | None = None) -> ChosenModel:
    """Choose a model's runtime and read the folder for it. Blocks: about 0.2 s per 100 MB of weights.

    Raises:
        SettingInvalid, SettingMissing: as `choose`; or the weights are damaged or not the expected ones.
    """
    folder = Folder(location.folder)
    choice = choose(config, folder, machine or Machine())
    if choice.runtime is RuntimeName.ONNX:
        return _read_onnx(location, config, choice)
    if isinstance(folder.bert, ModelFolder):
        return _read_bert(location, folder.bert, config, choice)
    return _read_library(location, config, choice)


def _read_bert(location: ModelLocation, folder: ModelFolder, config: EmbedderConfig, choice: Choice) -> ChosenModel:
    weights = read_weights(folder, expected_sha256=location.sha256)

    def opened(computed: BertWeights, special_ids: tuple[int, int], blocks: bool) -> Runtime:
        if choice.runtime is RuntimeName.TORCH:
            settings = _torch_settings(config)
            return open_torch_runtime(folder, computed, special_ids=special_ids, settings=settings, blocks=blocks)
        from embedder.runtimes.openvino import OpenVinoRuntime  # noqa: PLC0415 - only where it is chosen

        return OpenVinoRuntime(
            folder,
            computed,
            special_ids=special_ids,
            threads=config.threads,
            precision=config.precision,
            blocks=blocks,
        )

    return ChosenModel(
        folder,
        weights.sha256,
        choice,
        open=partial(opened, weights),
        open_with=lambda special_ids, tensors: opened(weights.replaced(tensors), special_ids, False),
    )


def _read_onnx(location: ModelLocation, config: EmbedderConfig, choice: Choice) -> ChosenModel:
    folder: OnnxFolder = read_onnx_folder(location.folder)

    def open_it(special_ids: tuple[int, int], _: bool) -> Runtime:
        from embedder.runtimes.openvino import OnnxRuntime  # noqa: PLC0415 - only where it is chosen

        return OnnxRuntime(folder, special_ids=special_ids, threads=config.threads, precision=config.precision)

    return ChosenModel(folder, folder.sha256, choice, open_it)


def _read_library(location: ModelLocation, config: EmbedderConfig, choice: Choice) -> ChosenModel:
    folder: LibraryFolder = read_library_folder(location.folder)

    def open_it(special_ids: tuple[int, int], blocks: bool) -> Runtime:
        settings = _torch_settings(config)
        return open_torch_runtime(folder, None, special_ids=special_ids, settings=settings, blocks=blocks)

    return ChosenModel(folder, folder.sha256, choice, open_it)


def _torch_settings(config: EmbedderConfig) -> TorchSettings:
    return TorchSettings(
        device=config.device,
        precision=config.precision,
        threads=config.threads,
        max_batch_tokens=config.max_batch_tokens,
        look_ahead=config.look_ahead,
    )
