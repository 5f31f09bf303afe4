"""Login by access token: an identity provider as Keycloak is one, and the repository's side that believes its tokens.

They know each other by keys only, so that a real provider can vouch for callers of the simulated repository, and the
simulated one for callers of a real repository.
"""

from connectors.alfresco.simulator.identity.endpoints import IdentityEndpoints, create_identity_app, is_identity_path
from connectors.alfresco.simulator.identity.provider import IdentityProvider
from connectors.alfresco.simulator.identity.service import IdentityService, public_key

__all__ = [
    "IdentityEndpoints",
    "IdentityProvider",
    "IdentityService",
    "create_identity_app",
    "is_identity_path",
    "public_key",
]
