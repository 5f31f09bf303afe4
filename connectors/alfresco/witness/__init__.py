"""A second opinion on who may find what at an Alfresco server, beside the crawl's and by none of its code.

In come questions, out go statements. Only the exchange of requests (sign-in, pace, TLS) is shared with the crawl: an
import contract keeps its clients, records and rules out, so that a mistake there is not made here a second time.
"""

from connectors.alfresco.witness.witness import AlfrescoWitness

__all__ = ["AlfrescoWitness"]
