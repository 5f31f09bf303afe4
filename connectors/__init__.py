"""Source systems as streams of changes.

In come a source's configuration and a checkpoint; out go documents with their ACLs and owners, people and group
memberships, and bytes on request, all in the words of `vocabulary`. A connector never retries, never stores and never
decides what a reader may see; permissions that it cannot read are None, never an empty or a public list. One folder
per source, alike inside; `registry.py` names them.
"""
