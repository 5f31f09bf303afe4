"""The answer to a question for one document, as the REST API shows it. Pure."""

from __future__ import annotations

from pydantic import BaseModel, Field

from service.routes.query_answer import JsonValue, attributes_answer, moment_answer
from vocabulary.documents import Passage, PassageKind, Toxicity
from vocabulary.shown_document import ShownDocument


class ToxicSentenceAnswer(BaseModel):
    """A sentence that was found toxic: a range [start, end) of its passage's text, in Unicode code points."""

    start: int
    end: int
    toxicity: float = Field(ge=0, le=1)
    category: str = Field(description="of which kind it most likely is; empty where the model knows no kinds")


class PassageAnswer(BaseModel):
    """A piece of the document's text; neighbours may share some words."""

    text: str
    kind: PassageKind = Field(description="body: the document's text; comment: one of its comments")
    page: int | None = Field(description="page, slide or sheet, from 1")
    heading: str | None
    author: str | None = Field(description="of a comment", examples=["Ann Example"])
    written_at: str | None = Field(description="of a comment", examples=["2025-03-01T12:30:00Z"])
    toxicity: float = Field(description="0 harmless to 1 toxic", ge=0, le=1)
    toxic_sentences: list[ToxicSentenceAnswer] = Field(description="in the order of the text")


class DocumentAnswer(BaseModel):
    """One document that this reader may see."""

    document_id: str = Field(examples=["onprem-private/3c1f…"])
    source: str
    title: str
    uri: str
    attributes: dict[str, JsonValue]
    toxicity: float = Field(description="0 harmless to 1 toxic, of the worst passage", ge=0, le=1)
    toxicity_categories: list[str] = Field(description="what the document is flagged for; empty: nothing")
    toxicity_model: str | None = Field(description="what scored the passages; null: nothing did, or nobody knows")
    passages: list[PassageAnswer] = Field(description="in the order of the text, comments behind it")
    next_passage: int | None = Field(description="send it as first to read on; null: these were the last")


def document_answer(shown: ShownDocument, *, first: int, size: int) -> DocumentAnswer:
    """Show a document with at most `size` of its passages."""
    end = first + size
    return DocumentAnswer(
        document_id=str(shown.document_id),
        source=shown.document_id.source,
        title=shown.title,
        uri=shown.uri,
        attributes=attributes_answer(shown.attributes),
        toxicity=shown.toxicity_0_1,
        toxicity_categories=list(shown.scoring.categories),
        toxicity_model=shown.scoring.version or None,
        passages=[
            _passage(each, toxicity)
            for each, toxicity in zip(shown.passages[first:end], shown.toxicity[first:end], strict=True)
        ],
        next_passage=end if end < len(shown.passages) else None,
    )


def _passage(passage: Passage, toxicity: Toxicity) -> PassageAnswer:
    return PassageAnswer(
        text=passage.text,
        kind=passage.kind,
        page=passage.page,
        heading=passage.heading,
        author=passage.author,
        written_at=None if passage.written_at is None else moment_answer(passage.written_at),
        toxicity=toxicity.score_0_1,
        toxic_sentences=[
            ToxicSentenceAnswer(start=span.start, end=span.end, toxicity=span.score_0_1, category=span.category)
            for span in toxicity.spans
        ],
    )
