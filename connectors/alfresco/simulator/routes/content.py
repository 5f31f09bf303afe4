"""`GET /nodes/{id}/content`: a file's bytes with the headers of ContentStreamer.

`If-None-Match` is not evaluated, `If-Modified-Since` compares whole seconds. A request for several ranges at once is
answered with the whole file, which HTTP allows.
"""

from __future__ import annotations

import re
from datetime import datetime
from email.utils import format_datetime, parsedate_to_datetime
from urllib.parse import quote

from starlette.responses import Response

from connectors.alfresco.simulator.call import Call
from connectors.alfresco.simulator.model import Content
from connectors.alfresco.simulator.routes.nodes import requested_node
from connectors.alfresco.simulator.wire import ApiError, invalid_argument

_SINGLE_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def get_content(call: Call) -> Response:
    node = requested_node(call)
    if not call.world.content_model.holds_content(node.node_type):
        raise invalid_argument(f"NodeId of content is expected: {node.id}")
    if node.content is None:
        raise ApiError(404, "framework.exception.NotFound", f"Unable to locate content for node ref {node.id}")
    return content_answer(call, node.content, name=node.name, modified_at=node.modified_at)


def content_answer(call: Call, content: Content, *, name: str, modified_at: datetime) -> Response:
    """Answer with bytes, the part of them that was asked for, or 304."""
    headers = _validators(modified_at)
    if _not_modified_since(call.headers.get("If-Modified-Since"), modified_at):
        return Response(status_code=304, headers=headers)
    headers |= _description(name, content, as_attachment=call.parameters.get("attachment") != "false")
    return _cut(content.data, call.headers.get("Range"), headers)


def _validators(modified_at: datetime) -> dict[str, str]:
    return {
        "ETag": f'"{int(modified_at.timestamp() * 1000)}"',
        "Last-Modified": format_datetime(modified_at, usegmt=True),
        "Cache-Control": "max-age=0,  must-revalidate",  # the second blank is the repository's
    }


def _description(name: str, content: Content, *, as_attachment: bool) -> dict[str, str]:
    headers = {"Content-Type": f"{content.mime_type};charset={content.encoding}", "Accept-Ranges": "bytes"}
    if as_attachment:
        plain = name.encode("ascii", "replace").decode()
        headers["Content-Disposition"] = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    return headers


def _not_modified_since(header: str | None, modified_at: datetime) -> bool:
    if header is None:
        return False
    try:
        since = parsedate_to_datetime(header)
    except ValueError:
        return False
    return since.tzinfo is not None and int(modified_at.timestamp()) <= int(since.timestamp())


def _cut(data: bytes, range_header: str | None, headers: dict[str, str]) -> Response:
    """Return the asked part as 206, everything as 200, or 416 for a part that does not exist."""
    size = len(data)
    match = _SINGLE_RANGE.fullmatch(range_header.replace(" ", "")) if range_header else None
    if match is None:
        whole = {"Content-Range": f"bytes 0-{size - 1}/{size}"} if size else {}
        return Response(data, 200, headers | whole)
    first, last = _bounds(match.group(1), match.group(2), size)
    if first > last:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{size}"})
    return Response(data[first : last + 1], 206, headers | {"Content-Range": f"bytes {first}-{last}/{size}"})


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    """Return the first and last byte; where the first lies behind the last, nothing satisfies the range."""
    if first:
        return int(first), min(int(last), size - 1) if last else size - 1
    suffix = int(last or 0)
    return (max(size - suffix, 0), size - 1) if suffix else (1, 0)
