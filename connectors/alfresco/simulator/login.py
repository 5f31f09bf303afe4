"""Who is calling: passwords, tickets and access tokens, in every form in which Alfresco takes them.

Source: BasicHttpAuthenticatorFactory, RemoteUserAuthenticatorFactory, Authorization and AuthenticationsImpl of the
community repository; ticket life from repository.properties.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.alfresco.simulator.directory import Directory
from connectors.alfresco.simulator.identity.service import IdentityService
from connectors.alfresco.simulator.model import Person
from connectors.alfresco.simulator.wire import unauthorized

_TICKET_LIFE = timedelta(hours=1)  # authentication.ticket.validDuration=PT1H, expiry AFTER_INACTIVITY
_TICKET_USERS = frozenset({"", "ROLE_TICKET"})  # user names that say that the password is a ticket


@dataclass(slots=True)
class _Ticket:
    user: str
    used_at: datetime


class Tickets:
    """The tickets of one repository: one per person, alive as long as it is used."""

    def __init__(self, now: Callable[[], datetime], *, life: timedelta = _TICKET_LIFE) -> None:
        self._now = now
        self._tickets: dict[str, _Ticket] = {}
        self.life = life

    def issue(self, user: str) -> str:
        """Return the person's living ticket, or a new one."""
        for ticket_id, ticket in self._tickets.items():
            if ticket.user == user and self.user_of(ticket_id) is not None:
                return ticket_id
        ticket_id = f"TICKET_{secrets.token_hex(20)}"
        self._tickets[ticket_id] = _Ticket(user, self._now())
        return ticket_id

    def user_of(self, ticket_id: str) -> str | None:
        """Return whose ticket this is and start its time again; None for a dead or unknown one."""
        ticket = self._tickets.get(ticket_id)
        if ticket is None or self._now() - ticket.used_at > self.life:
            return None
        ticket.used_at = self._now()
        return ticket.user

    def end(self, ticket_id: str) -> None:
        """Let a ticket die, as a logout does."""
        self._tickets.pop(ticket_id, None)

    def end_all(self) -> None:
        """Let every ticket die, as a restart of the repository does."""
        self._tickets.clear()


@dataclass(frozen=True, slots=True)
class Caller:
    """A person who is logged in; `ticket` is the living ticket they sent, `sent_dead_ticket` that one had ended."""

    user: str
    ticket: str | None = None
    sent_dead_ticket: bool = False
    sent_token: bool = False


class Login:
    """Checks the credentials of requests against one directory."""

    def __init__(self, directory: Directory, tickets: Tickets) -> None:
        self._directory = directory
        self._tickets = tickets
        self.identity_service: IdentityService | None = None  # None: the subsystem is off, and no token is accepted

    def by_password(self, user: str, password: str) -> Person | None:
        """Return the person with this name and password, if the account is open."""
        person = self._directory.find_login(user)
        if person is None or not person.enabled or person.password is None:
            return None
        return person if secrets.compare_digest(person.password.encode(), password.encode()) else None

    def authenticate(self, alf_ticket: str | None, authorization: str | None) -> Caller:
        """Return who calls; a dead `alf_ticket` parameter falls through to the header.

        Raises:
            ApiError: 401, nobody could be recognised.
        """
        if alf_ticket is not None and (caller := self._by_ticket(alf_ticket)):
            return caller
        if (token := bearer_token(authorization)) is not None and self.identity_service is not None:
            return self._by_token(token, self.identity_service)
        user, secret = _read_basic(authorization)
        if user in _TICKET_USERS:
            caller = self._by_ticket(secret)
        else:
            person = self.by_password(user, secret)
            caller = Caller(person.id, sent_dead_ticket=alf_ticket is not None) if person else None
        if caller is None:
            raise unauthorized()
        return caller

    async def prepare(self, authorization: str | None) -> None:
        """Fetch whatever is needed to check the credentials, before `authenticate` does so without waiting."""
        token = bearer_token(authorization)
        if token is not None and self.identity_service is not None:
            await self.identity_service.fetch_keys(token)

    def _by_token(self, token: str, service: IdentityService) -> Caller:
        """Return whom a token stands for, with a new account if unknown people get one."""
        user = service.user_of(token)
        if user is None:
            raise unauthorized()
        person = self._directory.find_login(user)
        if person is None and service.create_person is not None:
            person = service.create_person(user)
        if person is None or not person.enabled:
            raise unauthorized()
        return Caller(person.id, sent_token=True)

    def _by_ticket(self, ticket_id: str) -> Caller | None:
        user = self._tickets.user_of(ticket_id)
        person = self._directory.people.get(user) if user is not None else None
        if person is None or not person.enabled:
            return None
        return Caller(person.id, ticket=ticket_id)


def bearer_token(authorization: str | None) -> str | None:
    """Return the token of a Bearer header, None for any other."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.casefold() == "bearer" else None


def _read_basic(authorization: str | None) -> tuple[str, str]:
    """Return user and password of a Basic header; a text without colon is a ticket, so its user is empty."""
    if not authorization:
        raise unauthorized()
    scheme, _, token = authorization.partition(" ")
    if scheme.casefold() != "basic":
        raise unauthorized(f"Authorization '{scheme}' not supported.")
    try:
        text = base64.b64decode(token.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise unauthorized() from None
    user, colon, password = text.partition(":")
    return (user, password) if colon else ("", text)
