"""`/v2`: the models by the Open Inference Protocol, for programs written for KServe, Triton and their like.

Two models take texts: the embedding model by its own name, and `toxicity`. Each has one version, the one that
documents are embedded and scored with; that of `toxicity` is the one approved at the moment of the request, and every
answer names the one that gave it. Tensors travel as JSON; the protocol's extensions, binary data among them, are
not offered.

Source: Open Inference Protocol (github.com/kserve/open-inference-protocol), REST, version 2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from importlib.metadata import version as version_of
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr
from pydantic_core import to_json

from embedder import LoadedModel
from service.models.access import ModelAccess
from service.models.desk import TOXICITY, Gone, ModelDesk
from service.routes.health import Probe, passes
from service.routes.model_errors import inference_error
from service.routes.model_routes import model_router
from vocabulary.documents import ReadText, Toxicity
from vocabulary.errors import QueryInvalid

_Name = Annotated[str, Path(max_length=1_000, description="the embedding model's name, or `toxicity`")]
_Version = Annotated[str, Path(max_length=200, description="as the model's description tells it")]
_Dimension = Annotated[StrictInt, Field(ge=1)]

_TEXT = "text"  # the one input of every model


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TensorIn(_Part):
    """The texts, as a tensor of one dimension; or of two, of which the second is 1."""

    name: StrictStr
    shape: Annotated[list[_Dimension], Field(min_length=1, max_length=2)]
    datatype: Literal["BYTES"]
    parameters: dict[str, Any] = Field(default_factory=dict, description="taken, and not looked at")
    data: Annotated[
        list[StrictStr | Annotated[list[StrictStr], Field(min_length=1, max_length=1, fail_fast=True)]],
        Field(min_length=1, fail_fast=True),  # a body has room for a million mistakes
    ]

    def texts(self) -> list[str]:
        """Return the texts in order.

        Raises:
            QueryInvalid: the data has another shape than it says, or the tensor another name than the model's.
        """
        if self.name != _TEXT:
            raise QueryInvalid(f"inputs: the model's input is called {_TEXT!r}")
        if self.shape[0] != len(self.data) or self.shape[1:] not in ([], [1]):
            raise QueryInvalid(f"inputs: the data has the shape [{len(self.data)}]")
        return [each if isinstance(each, str) else each[0] for each in self.data]


class AskedOutput(_Part):
    """An output that is wanted."""

    name: StrictStr
    parameters: dict[str, Any] = Field(default_factory=dict, description="taken, and not looked at")


class InferBody(_Part):
    """What to compute."""

    id: Annotated[StrictStr, Field(max_length=200)] | None = None
    parameters: dict[str, Any] = Field(default_factory=dict, description="taken, and not looked at")
    inputs: Annotated[list[TensorIn], Field(min_length=1, max_length=1)]
    outputs: Annotated[list[AskedOutput], Field(min_length=1, max_length=10)] | None = Field(
        default=None, description="those that are wanted; all, if left out"
    )


class TensorOut(BaseModel):
    """One result, its numbers in a flat list in row order."""

    name: str
    shape: list[int]
    datatype: str
    data: list[float] | list[str]


class InferAnswer(BaseModel):
    """The results."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[TensorOut]


class TensorDescription(BaseModel):
    """A tensor that a model takes or gives; -1 stands for the number of texts."""

    name: str
    datatype: str
    shape: list[int]


class ModelDescription(BaseModel):
    """What a model takes and gives."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorDescription]
    outputs: list[TensorDescription]


class ServerDescription(BaseModel):
    """Who answers."""

    name: str = "sightline"
    version: str
    extensions: list[str] = []


class Live(BaseModel):
    """The server answers."""

    live: bool = True


class ServerReady(BaseModel):
    """The server's models can be asked."""

    ready: bool = True


class ModelReady(ServerReady):
    """The model can be asked."""

    name: str


class InferenceErrorAnswer(BaseModel):
    """An answer that is not a success, in words."""

    error: str


@dataclass(frozen=True, slots=True)
class _Result:
    """One output: its description, and its data as JSON."""

    name: str
    datatype: str
    shape: Sequence[int]
    data: bytes

    def spelled(self) -> bytes:
        head = to_json({"name": self.name, "datatype": self.datatype, "shape": list(self.shape)})
        return b'%b,"data":%b}' % (head[:-1], self.data)


def inference_routers(models: ModelAccess, probes: Mapping[str, Probe]) -> Sequence[APIRouter]:
    """Route the protocol: who lives and is ready is told to everybody, the rest to holders of a key."""
    return _health_router(probes), _models_router(models)


def _health_router(probes: Mapping[str, Probe]) -> APIRouter:
    router = APIRouter(prefix="/v2/health", tags=["models"])

    @router.get("/live", summary="Does the process live?")
    async def live() -> Live:
        return Live()

    @router.get("/ready", summary="Can the models be asked?", responses={503: {"model": ServerReady}})
    async def ready(response: Response) -> ServerReady:
        is_ready = "model" not in probes or await passes("model", probes["model"])
        response.status_code = HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE
        return ServerReady(ready=is_ready)

    return router


def _models_router(models: ModelAccess) -> APIRouter:
    desk = models.desk
    router = model_router("/v2", models.callers, spelled=inference_error, error=InferenceErrorAnswer)

    @router.get("", summary="Who answers?")
    async def server() -> ServerDescription:
        return ServerDescription(version=version_of("sightline"))

    @router.get("/models/{name}", summary="What does a model take and give?")
    async def model(name: _Name) -> ModelDescription:
        return (await _described(desk, name, None))[1]

    @router.get("/models/{name}/versions/{version}", summary="The same of one version")
    async def model_version(name: _Name, version: _Version) -> ModelDescription:
        return (await _described(desk, name, version))[1]

    @router.get("/models/{name}/ready", summary="Can a model be asked?")
    async def model_ready(name: _Name) -> ModelReady:
        return ModelReady(name=(await _described(desk, name, None))[1].name)

    @router.get("/models/{name}/versions/{version}/ready", summary="The same of one version")
    async def model_version_ready(name: _Name, version: _Version) -> ModelReady:
        return ModelReady(name=(await _described(desk, name, version))[1].name)

    @router.post("/models/{name}/infer", summary="Embed or score texts", response_model=InferAnswer)
    async def infer(request: Request, name: _Name, body: Annotated[InferBody, Body()]) -> Response:
        return await _infer(desk, name, None, body, gone=request.is_disconnected)

    @router.post(
        "/models/{name}/versions/{version}/infer", summary="The same by one version", response_model=InferAnswer
    )
    async def infer_version(
        request: Request, name: _Name, version: _Version, body: Annotated[InferBody, Body()]
    ) -> Response:
        return await _infer(desk, name, version, body, gone=request.is_disconnected)

    return router


async def _described(desk: ModelDesk, name: str, version: str | None) -> tuple[LoadedModel, ModelDescription]:
    """Return a model as it is now, and stays for whoever has asked, with its description.

    Raises:
        ModelUnknown: there is none of that name and version.
    """
    if name == TOXICITY:
        model = await desk.scorer(version=version)
        versions = [model.toxicity_version]
        outputs = [("score", "FP32", [-1]), ("category", "BYTES", [-1]), ("spans", "BYTES", [-1])]
    else:
        desk.require_embedding(name, version=version)
        model = desk.model
        versions, outputs = [model.version], [("embedding", "FP32", [-1, model.dimensions])]
    return model, ModelDescription(
        name=name,
        versions=versions,
        platform=model.runtime,
        inputs=[TensorDescription(name=_TEXT, datatype="BYTES", shape=[-1])],
        outputs=[TensorDescription(name=each, datatype=kind, shape=shape) for each, kind, shape in outputs],
    )


async def _infer(desk: ModelDesk, name: str, version: str | None, body: InferBody, *, gone: Gone) -> Response:
    with desk.admitted():
        model, described = await _described(desk, name, version)
        wanted = _wanted(body, [each.name for each in described.outputs])
        texts = await desk.read(body.inputs[0].texts(), to_score=name == TOXICITY)
        if name == TOXICITY:
            results = _scores(await desk.score(model, texts, gone=gone))
        else:
            results = [await _vectors(desk, texts, gone=gone)]
    outputs = b",".join(each.spelled() for each in results if each.name in wanted)
    head = {"model_name": name, "model_version": described.versions[0]} | ({"id": body.id} if body.id else {})
    return Response(b'%b,"outputs":[%b]}' % (to_json(head)[:-1], outputs), media_type="application/json")


def _wanted(body: InferBody, known: Sequence[str]) -> Sequence[str]:
    if body.outputs is None:
        return known
    asked = [each.name for each in body.outputs]
    if not set(asked) <= set(known):
        raise QueryInvalid(f"outputs: the model has {', '.join(known)}")
    return asked


async def _vectors(desk: ModelDesk, texts: Sequence[ReadText], *, gone: Gone) -> _Result:
    """Embed; each piece is spelled as soon as it is there, so that nothing large is spelled while everybody waits."""
    pieces = [to_json(piece.ravel().tolist())[1:-1] async for piece in desk.embed(texts, gone=gone)]
    return _Result("embedding", "FP32", [len(texts), desk.model.dimensions], b"[%b]" % b",".join(pieces))


def _scores(found: Sequence[Toxicity]) -> list[_Result]:
    shape = [len(found)]
    spans: Iterable[bytes] = (to_json(one.spans) for one in found)
    return [
        _Result("score", "FP32", shape, to_json([one.score_0_1 for one in found])),
        _Result("category", "BYTES", shape, to_json([one.category for one in found])),
        _Result("spans", "BYTES", shape, to_json([each.decode() for each in spans])),
    ]
