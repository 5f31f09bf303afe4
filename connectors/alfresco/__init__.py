"""Alfresco Content Services, through its public REST API.

In come a server's address, an account and a scope; out go files with comments, exact ACLs, people and groups. It never
retries, never follows a redirect, and never takes an error for an absence. See the README beside this file.
"""

from connectors.alfresco.config import AlfrescoConfig
from connectors.alfresco.connector import AlfrescoConnector

__all__ = ["AlfrescoConfig", "AlfrescoConnector"]
