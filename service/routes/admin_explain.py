"""`GET /admin/explain-access`: why a person finds a document, or does not."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from fastapi import Query as Parameter

from service.admin.acts import Act
from service.admin.administration import Administration
from service.admin.administrators import CurrentAdministrator
from service.admin.key_config import Scope
from service.explaining import AccessInspector, named_document
from service.routes.explain_answer import ExplanationAnswer, explanation_answer

_Name = Annotated[str, Parameter(min_length=1, max_length=1_000)]
_MAX_GROUPS = 100  # of a token, sent in an address; servers refuse addresses of more than some thousand characters


def explain_router(administration: Administration) -> APIRouter:
    """Route questions about single decisions."""
    router = administration.administrators.router(Scope.EXPLAIN)
    inspector = AccessInspector(administration.settings, administration.state)

    @router.get("/explain-access", summary="Why a person finds a document, or does not")
    async def explain_access(
        administrator: CurrentAdministrator,
        user: Annotated[_Name, Parameter(description="as a token would name them, or `user:SOURCE/ID`")],
        document: Annotated[str, Parameter(max_length=10_000, description="`<source>/<the source's own id>`")],
        issuer: Annotated[_Name | None, Parameter(description="who vouches for the token")] = None,
        group: Annotated[list[_Name] | None, Parameter(max_length=_MAX_GROUPS, description="of the token")] = None,
    ) -> ExplanationAnswer:
        document_id = named_document(document)
        index = administration.search.index(inspector.index_of(document_id))
        meant, groups = inspector.issuer(issuer), tuple(group or ())
        asked = {"document": str(document_id), "issuer": meant, "groups": list(groups)}
        async with administration.state.acts.record(administrator, Act.EXPLAIN_ACCESS, subject=user, parameters=asked):
            reader = await inspector.claims(user, issuer=meant, groups=groups)
            return explanation_answer(await inspector.explain(index.backend, document_id, reader))

    return router
