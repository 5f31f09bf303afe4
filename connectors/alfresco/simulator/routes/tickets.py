"""`POST /tickets` and `/tickets/-me-`: login, validation and logout.

Source: AuthenticationsImpl and AuthenticationsTest of the community repository.
"""

from __future__ import annotations

import json

from starlette.responses import Response

from connectors.alfresco.simulator.call import Call
from connectors.alfresco.simulator.wire import ApiError, Bean, invalid_argument


def create_ticket(call: Call) -> Response:
    """Log in by user name and password; a wrong one is 403, not 401. The name comes back as it was sent."""
    user, password = _credentials(call.body)
    person = call.world.login.by_password(user, password)
    if person is None:
        raise ApiError(403, "Login failed", "Login failed")
    return call.entry(Bean(id=call.world.tickets.issue(person.id), userId=user), status=201)


def get_ticket(call: Call) -> Response:
    return call.entry(Bean(id=_own_ticket(call)))


def delete_ticket(call: Call) -> Response:
    call.world.tickets.end(_own_ticket(call))
    return Response(status_code=204)


def _own_ticket(call: Call) -> str:
    """Return the ticket that this request was authenticated with, or that of whom its access token stands for."""
    if call.path_parameters["ticket_id"] != "-me-":
        raise invalid_argument("Invalid parameter: only '-me-' is accepted.")
    if call.caller is None or call.caller.sent_dead_ticket:
        raise ApiError(404, "framework.exception.NotFound", "Ticket not found.")
    if call.caller.sent_token:
        return call.world.tickets.issue(call.user)
    if call.caller.ticket is None:
        raise invalid_argument("Ticket base authentication required.")
    return call.caller.ticket


def _credentials(body: bytes) -> tuple[str, str]:
    try:
        sent = json.loads(body)
    except ValueError:
        sent = None
    user, password = (sent.get("userId"), sent.get("password")) if isinstance(sent, dict) else (None, None)
    if not (isinstance(user, str) and isinstance(password, str)):
        raise invalid_argument("Invalid login details.")
    return user, password
