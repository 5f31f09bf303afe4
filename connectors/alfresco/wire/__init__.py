"""How requests to an Alfresco server travel: signed in, at its pace, within limits, and what its answers mean."""
