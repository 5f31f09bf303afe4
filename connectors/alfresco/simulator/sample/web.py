"""Sets a sample text as an HTML page or as plain text."""

from html import escape

from connectors.alfresco.simulator.sample.markdown import (
    Block,
    Code,
    Heading,
    Line,
    Listing,
    Note,
    Paragraph,
    Span,
    Style,
    Table,
    parse_markdown,
    plain,
    title_of,
)

_TAG = {Style.BOLD: "strong", Style.ITALIC: "em", Style.CODE: "code"}
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title><meta name="author" content="{author}"></head>
<body>
{body}
</body>
</html>
"""


def render_html(text: str, *, author: str) -> bytes:
    """Returns `text` as a complete HTML page in UTF-8."""
    blocks = parse_markdown(text)
    body = "\n".join(_element(block) for block in blocks)
    return _PAGE.format(title=escape(title_of(blocks)), author=escape(author), body=body).encode()


def render_txt(text: str) -> bytes:
    """Returns `text` without its marks, in UTF-8, headings underlined."""
    return ("\n\n".join(_as_typed(block) for block in parse_markdown(text)) + "\n").encode()


def _element(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"<h{level}>{escape(text)}</h{level}>"
        case Paragraph(line):
            return f"<p>{_marked(line)}</p>"
        case Note(line):
            return f"<blockquote><p>{_marked(line)}</p></blockquote>"
        case Code(text):
            return f"<pre><code>{escape(text)}</code></pre>"
        case Listing(items, is_numbered):
            tag = "ol" if is_numbered else "ul"
            return f"<{tag}>" + "".join(f"<li>{_marked(item)}</li>" for item in items) + f"</{tag}>"
        case Table(rows):
            head = "".join(f"<th>{escape(cell)}</th>" for cell in rows[0])
            body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows[1:])
            return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _marked(line: Line) -> str:
    return "".join(_marked_span(span) for span in line)


def _marked_span(span: Span) -> str:
    tag = _TAG.get(span.style)
    text = escape(span.text)
    return f"<{tag}>{text}</{tag}>" if tag else text


def _as_typed(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"{text}\n{('=' if level == 1 else '-') * len(text)}"
        case Paragraph(line) | Note(line):
            return plain(line)
        case Code(text):
            return text
        case Listing(items, is_numbered):
            return "\n".join(
                f"{f'{i}.' if is_numbered else '-'} {plain(item)}" for i, item in enumerate(items, start=1)
            )
        case Table(rows):
            return "\n".join("\t".join(row) for row in rows)
