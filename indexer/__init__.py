"""Documents to searchable passages to hits.

In come a connector's changes, an extractor and an enricher as ports, and queries with an access filter; out go index
rows, counted document states, run reports and permitted hits. The room never searches without a filter, never takes
an aborted crawl for deletions, and acknowledges nothing before the index has it.

Its doors are `sync.py` (one run), `state/` (what runs left), `extract.py` (bytes to text) and
`backends/` (indexes). This file imports none of them: the child process that reads hostile files is a module of the
room too (`extraction/worker.py`), and would bring the state store along.
"""
