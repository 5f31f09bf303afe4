"""`GET /share/page/document-details`: where a link of an answer leads.

Share is a web application beside the repository and is not simulated. This page stands in its place, so that whoever
clicks on a result finds the way on: the content itself, which the repository gives only to who may read it. It tells
nothing of the node, not even whether there is one.
"""

from __future__ import annotations

from html import escape
from urllib.parse import quote

from starlette.responses import HTMLResponse, Response

from connectors.alfresco.simulator.call import Call

_CONTENT = "/alfresco/api/-default-/public/alfresco/versions/1/nodes/{node_id}/content"
_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Simulated Alfresco</title></head>
<body style="max-width: 40rem; margin: 3rem auto; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif">
<h1>Simulated Alfresco</h1>
<p>With a real Alfresco, this link opens the document in Share. The simulated repository &ldquo;{name}&rdquo; has no
Share, but it has the document: <a href="{content}">open its content</a>.</p>
<p>The repository asks who you are, and decides by its own permissions. Accounts of the sample repositories:
<code>connectors/alfresco/simulator/sample/README.md</code>.</p>
</body>
</html>
"""


def get_document_details(call: Call) -> Response:
    node_id = call.parameters.get("nodeRef", "").rpartition("/")[2]
    content = _CONTENT.format(node_id=quote(node_id, safe=""))
    return HTMLResponse(_PAGE.format(name=escape(call.world.name), content=escape(content)))
