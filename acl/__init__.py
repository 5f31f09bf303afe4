"""Who may read what.

In come ACLs, people and memberships from the sources, and the claims of a verified token; out goes the access filter
that every search runs under, and the decision on a single document. The room never opens by mistake: an unknown
person, list or principal admits nobody.
"""
