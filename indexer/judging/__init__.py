"""What becomes of a document whose text was found toxic, as its source's rule says: nothing, a mark, or a review.

    rules.py       passages and a rule to a judgement: pure
    guard.py       the one door of a sync's writes: what is held back is written under the list that admits nobody
    rejudging.py   stored documents judged anew, by another rule, a decision, or new scores of their stored text
    rescoring.py   a run that does that with a new model, without the source

Who decided what of a held document is in `indexer/state/holds.py`. Invariants: that a document is held back is on
record before the index could show it, and goes from the record only after the index shows it; what else changes of it,
its readers above all, changes nothing about that.
"""
