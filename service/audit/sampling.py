"""What whoever asks for an audit decides about it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from vocabulary.documents import DocumentId

# Of an audit that nobody gave a number. Where none of the 250 drawn evenly is wrong, less than 1.6 % of all are (95 %);
# all of them together cost some thousand requests (docs/decisions/012).
USUAL_QUESTIONS = 500
MAX_QUESTIONS = 100_000
LARGEST_SEED = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Sampling:
    """How many questions are drawn, and of what. A person or document that is named takes the place of drawn ones."""

    questions: int = USUAL_QUESTIONS
    seed: int = field(default_factory=lambda: secrets.randbelow(LARGEST_SEED + 1))
    user: str | None = None  # as a token would name them
    issuer: str | None = None  # of that token, and of those that would name whom is drawn; None: the only one
    document: DocumentId | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """What the log of acts keeps of it."""
        document = None if self.document is None else str(self.document)
        return {"questions": self.questions, "person": self.user, "issuer": self.issuer, "document": document}
