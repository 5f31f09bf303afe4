"""The code in the simulated Alfresco's page runs as it stands there, and its links lead somewhere."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

README = Path(__file__).parents[2] / "connectors" / "alfresco" / "simulator" / "README.md"
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)]+)\)")


async def test_all_code_of_the_page_runs_from_top_to_bottom() -> None:
    text = README.read_text(encoding="utf-8")
    names: dict[str, object] = {}
    blocks = list(_BLOCK.finditer(text))
    for block in blocks:
        line = text[: block.start()].count("\n") + 1
        source = "\n" * line + block.group(1)  # so that a traceback names the line of the page
        code = compile(source, README, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        waiting = eval(code, names)  # noqa: S307 - our own page
        if inspect.isawaitable(waiting):
            await waiting
    assert len(blocks) >= 6


def test_all_links_of_the_page_lead_somewhere() -> None:
    text = README.read_text(encoding="utf-8")
    anchors = {
        "#" + re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }
    for target in _LINK.findall(text):
        assert target in anchors or (README.parent / target).is_file(), target
