"""Fast lanes: optional ways to hear of changes sooner than the search index and the walk tell them.

In come a server's trashcan, audit log or index tracking; out come ids of nodes that something happened to, and from
them the changes that the server tells when it is asked for those nodes. No lane is needed for anything, none is used
unless `lanes` names it, and none deletes or reveals by its own word.
"""
