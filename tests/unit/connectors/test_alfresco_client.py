"""Answers that no honest Alfresco gives, and what each of them becomes."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
from pydantic import SecretStr

from connectors.alfresco import AlfrescoConfig
from connectors.alfresco.wire import body as body_module
from connectors.alfresco.wire.client import AlfrescoClient
from connectors.alfresco.wire.faults import AccessRefused, NodeMissing
from tests.fakes.certificates import CertificateAuthority
from vocabulary.errors import (
    ContentUnavailable,
    CredentialsRejected,
    RateLimited,
    RunAborted,
    ScopeMissing,
    SettingInvalid,
    SightlineError,
    SourceUnavailable,
)

URL = "https://alfresco.example.com"
CORE = f"{URL}/alfresco/api/-default-/public/alfresco/versions/1"
LOGIN_PAGE = '<html><form><input type="password" name="p"></form></html>'
PASSWORD = "hunter2"


@pytest.fixture
def server() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as router:
        yield router


def client(**changes: Any) -> AlfrescoClient:
    auth = {"kind": "basic", "username": "crawler", "password": SecretStr(PASSWORD)}
    return AlfrescoClient(AlfrescoConfig.model_validate({"url": URL, "auth": auth, "sites": "all"} | changes))


def error_body(status: int, key: str = "framework.exception.EntityNotFound") -> dict[str, Any]:
    return {"error": {"errorKey": key, "statusCode": status, "briefSummary": "04010007 The entity was not found"}}


def page(entries: list[dict[str, Any]], *, more: bool = False, **pagination: int) -> dict[str, Any]:
    wrapped = [{"entry": entry} for entry in entries]
    return {"list": {"pagination": {"hasMoreItems": more, **pagination}, "entries": wrapped}}


async def fault_of(server: respx.MockRouter, answer: httpx.Response | Exception) -> SightlineError:
    server.get(f"{CORE}/nodes/n1").mock(side_effect=[answer])
    async with client() as alfresco:
        with pytest.raises(SightlineError) as fault:
            await alfresco.node("n1")
    assert PASSWORD not in str(fault.value)
    return fault.value


@pytest.mark.parametrize(
    ("answer", "expected", "words"),
    [
        (httpx.Response(401, json=error_body(401)), CredentialsRejected, "`auth.password`"),
        (httpx.Response(401, html=LOGIN_PAGE), CredentialsRejected, "`auth`"),
        (httpx.Response(200, html=LOGIN_PAGE), CredentialsRejected, "`auth`"),
        (httpx.Response(403, html=LOGIN_PAGE), CredentialsRejected, "`auth`"),
        (httpx.Response(403, json=error_body(403)), AccessRefused, "may not read"),
        (httpx.Response(403, html="<html>blocked</html>"), SourceUnavailable, "proxy"),
        (httpx.Response(404, json=error_body(404)), NodeMissing, "no such entity"),
        (httpx.Response(404, html="<html>Tomcat</html>"), SourceUnavailable, "`url`"),
        (httpx.Response(404, json={"message": "no route"}), SourceUnavailable, "`url`"),
        (httpx.Response(429, headers={"Retry-After": "7"}), RateLimited, "fewer"),
        (httpx.Response(400, json=error_body(400, "InvalidArgument")), RunAborted, "InvalidArgument"),
        (httpx.Response(408), SourceUnavailable, "waiting"),
        (httpx.Response(500, json=error_body(500)), SourceUnavailable, "500"),
        (httpx.Response(502), SourceUnavailable, "502"),
        (httpx.Response(503, headers={"Retry-After": "7"}), SourceUnavailable, "503"),
        (httpx.Response(204), RunAborted, "204"),
        (httpx.Response(200, html="<html>maintenance</html>"), SourceUnavailable, "`url`"),
        (httpx.Response(200, text=""), SourceUnavailable, "`url`"),
        (httpx.Response(200, text="[" * 100_000), SourceUnavailable, "`url`"),
        (httpx.Response(200, json=[]), SourceUnavailable, "form"),
        (httpx.Response(200, json={"entry": {"name": "no id"}}), SourceUnavailable, "entry.id"),
        (httpx.Response(200, json={"entry": {"id": "n1", "permissions": "all"}}), SourceUnavailable, "permissions"),
        (httpx.ConnectTimeout("x"), SourceUnavailable, "connect timeout"),
        (httpx.ReadTimeout("x"), SourceUnavailable, "read timeout"),
        (httpx.ConnectError("x"), SourceUnavailable, "no connection to the server; check the network, and the setting"),
        (httpx.RemoteProtocolError("x"), SourceUnavailable, "remote protocol error; check the setting `url`"),
        (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED]"), SettingInvalid, "ca_certificate"),
    ],
)
async def test_every_unwelcome_answer_has_a_name(
    server: respx.MockRouter, answer: httpx.Response | Exception, expected: type[SightlineError], words: str
) -> None:
    fault = await fault_of(server, answer)
    assert type(fault) is expected
    assert words in str(fault)


@pytest.mark.parametrize(
    ("scheme", "host", "words"),
    [
        ("http", "127.0.0.1", "refuses connections; check that it runs"),
        ("http", "alfresco.invalid", "name of the server is not known"),  # RFC 6761: this name never exists
        ("https", "127.0.0.1", "does not speak TLS"),
    ],
)
async def test_a_server_that_is_not_there_is_told_with_what_to_check(scheme: str, host: str, words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        if scheme == "https":
            threading.Thread(target=_answer_in_plain_text, args=(listening,), daemon=True).start()
        else:
            listening.close()
        async with client(url=f"{scheme}://{host}:{port}") as alfresco:
            with pytest.raises(SourceUnavailable, match=words) as fault:
                await alfresco.me()
    assert "`url`" in str(fault.value)


def _answer_in_plain_text(listening: socket.socket) -> None:
    connection, _ = listening.accept()
    with connection:
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        connection.recv(4096)


async def test_only_a_certificate_that_the_configured_file_vouches_for_is_trusted(tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path, "alfresco")
    tls = authority.tls()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tls.certificate, tls.key)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{"entry":{"id":"me"}}')

    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with client(url=url, ca_certificate=authority.certificate) as alfresco:
            assert (await alfresco.me()).id == "me"
        async with client(url=url) as alfresco:
            with pytest.raises(SettingInvalid, match="ca_certificate"):
                await alfresco.me()


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("soon", None), ("", None)])
async def test_the_wish_to_wait_is_passed_on(server: respx.MockRouter, header: str, seconds: float | None) -> None:
    fault = await fault_of(server, httpx.Response(429, headers={"Retry-After": header}))
    assert isinstance(fault, RateLimited) and fault.retry_after_s == seconds


async def test_the_wish_to_wait_may_be_a_date(server: respx.MockRouter) -> None:
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    fault = await fault_of(server, httpx.Response(503, headers={"Retry-After": moment}))
    assert isinstance(fault, SourceUnavailable) and fault.retry_after_s is not None
    assert 50 < fault.retry_after_s <= 60


async def test_missing_and_refused_nodes_abort_a_run_unless_someone_knows_better() -> None:
    assert issubclass(NodeMissing, ScopeMissing) and issubclass(AccessRefused, ScopeMissing)


@pytest.mark.parametrize("target", ["https://evil.example.com/", "https://alfresco.example.com/elsewhere", "http://a/"])
async def test_no_redirect_is_followed(server: respx.MockRouter, target: str) -> None:
    elsewhere = server.get(target).respond(json={"entry": {"id": "n1"}})
    fault = await fault_of(server, httpx.Response(302, headers={"Location": f"{target}?token=s3cret"}))
    assert isinstance(fault, SettingInvalid) and "s3cret" not in str(fault)
    assert not elsewhere.called


async def test_an_answer_beyond_the_limit_is_refused_even_when_compressed(
    server: respx.MockRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_module, "MAX_JSON_BYTES", 100_000)
    body = gzip.compress(json.dumps({"entry": {"id": "n1", "name": "x" * 1_000_000}}).encode())
    answer = httpx.Response(200, content=body, headers={"Content-Encoding": "gzip"})
    assert "exceeds" in str(await fault_of(server, answer))


async def test_a_message_never_quotes_what_was_read(server: respx.MockRouter) -> None:
    fault = await fault_of(server, httpx.Response(200, json={"entry": {"id": ["confidential text"]}}))
    assert "confidential" not in str(fault) and fault.__cause__ is None


async def test_a_list_is_read_until_the_server_says_so_and_not_until_a_short_page(server: respx.MockRouter) -> None:
    pages = [page([{"id": "a"}], more=True), page([], more=True), page([{"id": "b"}])]
    route = server.get(f"{CORE}/sites").mock(side_effect=[httpx.Response(200, json=one) for one in pages])
    async with client(page_size=10) as alfresco:
        assert [site.id async for site in alfresco.sites()] == ["a", "b"]
    assert [call.request.url.params["skipCount"] for call in route.calls] == ["0", "10", "20"]
    assert {call.request.url.params["maxItems"] for call in route.calls} == {"10"}


async def test_a_list_that_shrinks_while_it_is_read_is_an_error(server: respx.MockRouter) -> None:
    pages = [page([{"id": "a"}], more=True, totalItems=3), page([{"id": "c"}], totalItems=2)]
    server.get(f"{CORE}/people").mock(side_effect=[httpx.Response(200, json=one) for one in pages])
    async with client(page_size=1) as alfresco:
        with pytest.raises(SourceUnavailable, match="changed"):
            _ = [one async for one in alfresco.people()]


async def test_what_is_included_travels_in_one_parameter(server: respx.MockRouter) -> None:
    route = server.get(f"{CORE}/nodes/f/children").respond(json=page([]))
    async with client() as alfresco:
        await alfresco.children("f", skip_count=0, overlap=False)
    parameters = route.calls[0].request.url.params
    assert parameters.get_list("include") == ["permissions,path,aspectNames,properties,isLink"]
    assert parameters["where"] == "(isPrimary=true)"


async def test_ids_cannot_leave_their_place_in_the_path(server: respx.MockRouter) -> None:
    route = server.get(url__startswith=URL).respond(404, json=error_body(404))
    async with client() as alfresco:
        with pytest.raises(NodeMissing):
            await alfresco.node("../../discovery?x=1#y")
    assert route.calls[0].request.url.raw_path.startswith(
        b"/alfresco/api/-default-/public/alfresco/versions/1/nodes/..%2F"
    )


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (httpx.Response(404, json=error_body(404)), NodeMissing),
        (httpx.Response(404, html="starting up"), SourceUnavailable),
        (httpx.Response(403, json=error_body(403)), AccessRefused),
        (httpx.Response(412, json=error_body(412)), ContentUnavailable),
        (httpx.Response(200, html=LOGIN_PAGE), CredentialsRejected),
        (httpx.Response(200, html="<p>maintenance</p>"), SourceUnavailable),
        (httpx.Response(206, text="part"), RunAborted),
        (httpx.ReadTimeout("x"), SourceUnavailable),
    ],
)
async def test_content_that_does_not_come_has_a_name(
    server: respx.MockRouter, answer: httpx.Response | Exception, expected: type[SightlineError]
) -> None:
    server.get(f"{CORE}/nodes/n1/content").mock(side_effect=[answer])
    async with client() as alfresco:
        with pytest.raises(expected):
            await alfresco.content("n1").__aenter__()


async def test_an_html_file_is_content_like_any_other(server: respx.MockRouter) -> None:
    headers = {"Content-Disposition": 'attachment; filename="x.html"'}
    server.get(f"{CORE}/nodes/n1/content").respond(html=LOGIN_PAGE, headers=headers)
    async with client() as alfresco, alfresco.content("n1") as pieces:
        assert b"".join([piece async for piece in pieces]) == LOGIN_PAGE.encode()


async def test_a_certificate_file_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    for name in ("ca.pem", "missing.pem"):
        with pytest.raises(SettingInvalid, match="ca_certificate"):
            await client(ca_certificate=tmp_path / name).__aenter__()
