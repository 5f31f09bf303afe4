"""What a query means and how its answer is made, written once for all engines. Pure: no engine, no I/O.

query_language.py, analysis.py   words, phrases, exclusions and fields; `stop_words.py`, `clauses.py`
matching.py                      which documents a filter holds for
bm25.py, ranking.py              how well a document fits; `tuning.py`: an index's pins, synonyms, boosts, `recency.py`
facets.py, collapsing.py,        what an answer holds besides hits, and which hits are one
comments.py, highlighting.py
suggestions.py, spelling.py      completions and better spellings, from what the reader may read
cursor.py, request.py            pages, and what is refused
"""
