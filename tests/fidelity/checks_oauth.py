"""Login at an identity provider, and by the access tokens that it gives."""

from __future__ import annotations

from datetime import timedelta
from functools import cache

from checks import check
from foreign_client import Connect, ForeignClient, refused
from joserfc.jwk import KeySet
from js_client import JsConnect
from office import Office
from python_client import PythonConnect

from connectors.alfresco.simulator.identity import IdentityProvider

_ROBOT = "service-account-crawler"
_TOKEN_PATH = "/realms/alfresco/protocol/openid-connect/token"


@cache
def _keys() -> KeySet:
    """Keys for all providers of a run: making them takes longer than a check."""
    return IdentityProvider(by_password=lambda *_: None, now=lambda: None).keys  # type: ignore[arg-type, return-value]


def _provider(office: Office) -> IdentityProvider:
    """Let the office believe a provider with a public client `web` and a confidential one `crawler`."""
    world = office.world
    provider = world.identity_provider = IdentityProvider(by_password=world.login.by_password, now=world.now)
    provider.keys = _keys()
    provider.add_client("web", "")
    world.add_person(provider.add_client("crawler", "s3cret"), email="crawler@example.com", is_service_account=True)
    world.identity_service = provider.service()
    return provider


def _who(client: ForeignClient) -> str:
    return str(client.call("people.getPerson", "-me-")["entry"]["id"])


@check(only="js")
def the_client_logs_in_at_the_provider(office: Office, connect: Connect) -> None:
    _provider(office)
    assert isinstance(connect, JsConnect)
    client = connect.identity_login("web")
    granted = client.call("alfrescoApi.login", "alice", "alice")
    assert granted["token_type"] == "Bearer"
    assert granted["expires_in"] == 300
    assert client.call("alfrescoApi.isLoggedIn") is True
    assert _who(client) == "alice"
    assert client.call("discovery.getRepositoryInformation")["entry"]
    client.call("alfrescoApi.logout")
    with refused(401):
        _who(client)


@check(only="js")
def the_client_has_to_log_in_anew(office: Office, connect: Connect) -> None:
    """It sends its old token where its name should be when it asks for a new one, and so proves nothing."""
    _provider(office)
    assert isinstance(connect, JsConnect)
    client = connect.identity_login("web")
    client.call("alfrescoApi.login", "alice", "alice")
    with refused(401):
        client.call("alfrescoApi.refreshToken")
    office.clock.advance(timedelta(seconds=301))
    with refused(401):
        _who(client)


@check(only="js")
def the_provider_refuses_who_proves_nothing(office: Office, connect: Connect) -> None:
    _provider(office)
    assert isinstance(connect, JsConnect)
    with refused(400):  # as Keycloak 26.7 was seen to answer; older ones said 401
        connect.identity_login("web").call("alfrescoApi.login", "alice", "wrong")
    with refused(401):
        connect.identity_login("unknown").call("alfrescoApi.login", "alice", "alice")


@check(only="python")
def a_service_account_gets_a_token(office: Office, connect: Connect) -> None:
    from python_alfresco_api import OAuth2AuthUtil  # noqa: PLC0415 - it takes longer than all else that is collected

    provider = _provider(office)
    assert isinstance(connect, PythonConnect)
    login = OAuth2AuthUtil(
        connect.base_url, "crawler", "s3cret", token_endpoint=connect.base_url + _TOKEN_PATH, load_env=False
    )
    assert login.authenticate_sync()
    robot = connect.bearer(login.access_token)
    assert _who(robot) == _ROBOT
    assert robot.call("nodes.getNode", office.named("secret").id)["entry"]["name"] == "secret"
    assert login.refresh_token is None
    provider.clients["crawler"] = "another"
    assert not login.authenticate_sync()


@check()
def a_token_is_believed_while_it_lives(office: Office, connect: Connect) -> None:
    provider = _provider(office)
    client = connect.bearer(provider.token("alice"))
    assert _who(client) == "alice"
    office.clock.advance(timedelta(seconds=299))
    assert _who(client) == "alice"
    office.clock.advance(timedelta(seconds=2))
    with refused(401):
        _who(client)


@check()
def a_token_stands_for_an_open_account(office: Office, connect: Connect) -> None:
    provider = _provider(office)
    for token in (
        provider.token("nobody"),
        provider.token("erin"),  # a closed account
        provider.token("alice", iss="http://elsewhere.example"),
        provider.token("alice")[:-8] + "AAAAAAAA",
    ):
        with refused(401):
            _who(connect.bearer(token))
    assert _who(connect.bearer(provider.token("carol"))) == "Carol"


@check(only="js")  # the other one cannot read people without e-mail address
def unknown_people_may_get_an_account(office: Office, connect: Connect) -> None:
    provider = _provider(office)
    office.world.identity_service = provider.service(create_person=office.world.add_person)
    assert _who(connect.bearer(provider.token("newcomer"))) == "newcomer"


@check()
def a_token_has_a_ticket(office: Office, connect: Connect) -> None:
    """Which web applications exchange it for."""
    token = _provider(office).token("alice")
    ticket = connect.bearer(token).call("authentication.validateTicket")["entry"]["id"]
    assert _who(connect.ticket(ticket)) == "alice"


@check()
def no_token_is_taken_where_none_is_known(office: Office, connect: Connect) -> None:
    token = _provider(office).token("alice")
    office.world.identity_service = None
    with refused(401, summary="Authorization 'Bearer' not supported."):
        _who(connect.bearer(token))
