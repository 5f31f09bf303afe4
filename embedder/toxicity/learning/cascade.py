"""What a model says of texts when it scores documents: one pass over everything, a closer look at what is suspicious.

A model's own figures are of texts that it reads whole. A document is scored otherwise: the pass that embeds it suspects
some sentences, these are scored alone, and the worst counts; layers of a model's own see nothing else. In go texts, out
comes what would be stored with them, by the same worker and finisher as in a sync.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np

from embedder.calls import Call, Work, part_of
from embedder.encoders import Encoders
from embedder.finishing import finish
from embedder.scorers import Scorer
from embedder.toxicity.learning.encoding import Encoder
from embedder.toxicity.model import ToxicityModel
from embedder.toxicity.ngrams import Array
from embedder.toxicity.sentences import equal_parts_of
from embedder.worker import Worker
from vocabulary.documents import ReadText


def scores_of_documents(model: ToxicityModel, encoder: Encoder, judging: Encoder, texts: Sequence[ReadText]) -> Array:
    """Return each text's score as it would be stored, float32 [n]. Blocks for a pass over all texts.

    A text that is too long for one pass is several passages of a document, which is as toxic as the worst of them.
    `encoder` embeds, and gives blocks; `judging` is what the model's heads read: the same, or the one with its layers.
    """
    worker: Worker[Work] = Worker(encoder.runtime, finish=finish, run=Encoders(encoder.runtime))
    scorer = Scorer(model, None if model.own_layers is None else judging.runtime)
    passages = [_passages(text, encoder.max_tokens) for text in texts]
    parts = [passage for own in passages for passage in own]
    call = Call(parts, dimensions=encoder.folder.shape.hidden, scorer=scorer)
    try:
        worker.submit(call.works)
        scores = iter([each.score_0_1 for each in call.future.result().toxicity])
    finally:
        worker.close()
    return np.array([max(islice(scores, len(own))) for own in passages], dtype=np.float32)


def _passages(text: ReadText, max_tokens: int) -> list[ReadText]:
    if len(text.tokens.ids) <= max_tokens:
        return [text]
    return [part_of(text, part) for part in equal_parts_of(text, max_tokens=max_tokens)]
