"""Documents to searchable passages to hits.

In come a connector's changes, an extractor and an enricher as ports, and queries with an access filter; out go index
rows, counted document states, run reports and permitted hits. The room never searches without a filter, never takes
an aborted crawl for deletions, and acknowledges nothing before the index has it.
"""
