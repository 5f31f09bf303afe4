"""Alfresco Content Services, through its public REST API.

In come a server's address, an account and a scope; out go files with comments, exact ACLs, people and groups. It never
retries, never follows a redirect, and never takes an error for an absence. See the README beside this file.

    connector.py    what the port asks for, put together from the rest
    wire/           requests: signed in, at the server's pace, within limits; answers as records or as our errors
    scope/          what a source takes in: places, aspects, rules
    streams/        walks of folder trees, readings of the index, looks at single nodes: all as changes
    lanes/          optional quicker news: trashcan, audit log, index tracking
    mapping.py, fields.py, permissions.py, identity.py    records to the words of the vocabulary
    witness/        the same questions of access asked again, by code of its own
    simulator/      a server to try it all against
"""

from connectors.alfresco.config import AlfrescoConfig
from connectors.alfresco.connector import AlfrescoConnector

__all__ = ["AlfrescoConfig", "AlfrescoConnector"]
