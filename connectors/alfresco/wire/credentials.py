"""The two kinds of sign-in that Alfresco itself knows: a password with every request, and a ticket got for one."""

from __future__ import annotations

import base64

from pydantic import BaseModel, ValidationError

from connectors.alfresco.wire.auth_config import BasicAuth, TicketAuth
from connectors.alfresco.wire.faults import error_key, status_fault, unreadable_answer
from connectors.alfresco.wire.sign_in import Credential, Send
from vocabulary.errors import CredentialsRejected

_TICKETS = "/alfresco/api/-default-/public/authentication/versions/1/tickets"


def basic(user: str, password: str) -> str:
    """The header of a user name and password. Source: RFC 7617; Alfresco reads UTF-8."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


class Password:
    """A user name and password with every request."""

    renewable = False
    hint = "check the settings `auth.username` and `auth.password`, and that the server accepts Basic sign-in"

    def __init__(self, auth: BasicAuth) -> None:
        self._auth = auth

    def describe(self) -> str:
        return "with a password"

    async def obtain(self, send: Send) -> Credential:
        return Credential(basic(self._auth.username, self._auth.password.get_secret_value()))

    async def give_back(self, credential: Credential, send: Send) -> None:
        """Nothing was lent."""


class _Ticket(BaseModel, frozen=True, hide_input_in_errors=True):
    id: str


class _TicketAnswer(BaseModel, frozen=True, hide_input_in_errors=True):
    entry: _Ticket


class Tickets:
    """A ticket of the server, asked for with a user name and password. Source: alfresco-auth.yaml.

    It is sent as the password of ROLE_TICKET, as Alfresco's own clients do, and never in an address, which is logged.
    """

    renewable = True
    hint = "it refuses a ticket that it has just given; check that the setting `url` leads to one repository"

    def __init__(self, auth: TicketAuth) -> None:
        self._auth = auth

    def describe(self) -> str:
        return "with a ticket, which lives as long as the server says and is renewed when it ends"

    async def obtain(self, send: Send) -> Credential:
        login = {"userId": self._auth.username, "password": self._auth.password.get_secret_value()}
        answer = await send("POST", _TICKETS, json=login)
        operation = "POST /tickets"
        if answer.response.status_code in {401, 403} and error_key(answer.body) is not None:
            raise CredentialsRejected(
                f"{operation}: the server refused the account; check the settings `auth.username` and `auth.password`"
            )
        if answer.response.status_code not in {200, 201}:
            raise status_fault(answer.response, answer.body, operation)
        try:
            ticket = _TicketAnswer.model_validate_json(answer.body).entry.id
        except ValidationError:
            raise unreadable_answer(answer.response, answer.body, operation, at="") from None
        return Credential(basic("ROLE_TICKET", ticket))

    async def give_back(self, credential: Credential, send: Send) -> None:
        await send("DELETE", f"{_TICKETS}/-me-", credential=credential)
