"""A simulated Alfresco Content Services: a shipped program for the demo, the tests and whoever writes against Alfresco.

A `World` is built in code and served as an ASGI application that answers as Alfresco's public REST API does. It knows
nothing of the connector that is tested against it; its permission decisions are its own.
"""

from connectors.alfresco.simulator.app import Simulator, create_app
from connectors.alfresco.simulator.search_index import FROZEN
from connectors.alfresco.simulator.server import Tls, running_app, running_simulator, serve, served_app, served_world
from connectors.alfresco.simulator.world import World

__all__ = [
    "FROZEN",
    "Simulator",
    "Tls",
    "World",
    "create_app",
    "running_app",
    "running_simulator",
    "serve",
    "served_app",
    "served_world",
]
