"""Bytes to characters for the formats that are written as text.

A byte order mark decides, then UTF-8 where the bytes are valid, then what a page declares, then Windows-1252, which
every Western editor of the last decades wrote. Bytes that look like no text in any of them are refused.
"""

from __future__ import annotations

import codecs
import re

from indexer.extraction.blocks import Reason, Unreadable

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose little-endian mark it starts with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE_BYTES = 4096
_DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""")
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x9f\ufffd]")
# Text has no control characters but tab, line ends and escape; a little rubbish in a log or an old file is forgiven.
_MAX_CONTROL_SHARE = 0.02


def decode(data: bytes) -> str:
    """Return the text.

    Raises:
        Unreadable: the bytes are no text in any encoding that is tried.
    """
    text = _decoded(data)
    sample = text[:_SAMPLE_BYTES]
    if len(_CONTROLS.findall(sample)) > _MAX_CONTROL_SHARE * len(sample):
        raise Unreadable(Reason.UNSUPPORTED, "neither a known format nor text")
    return text


def _decoded(data: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    unmarked = _unmarked_utf16(data[:_SAMPLE_BYTES])
    if unmarked:
        return data.decode(unmarked, "replace")
    for encoding in ("utf-8", _declared_encoding(data)):
        try:
            return data.decode(encoding)
        except (LookupError, UnicodeError):  # LookupError: no such encoding, or one that is not of text
            continue
    return data.decode("cp1252", "replace")


def _unmarked_utf16(sample: bytes) -> str | None:
    """Recognise UTF-16 without a mark by the zero bytes that most scripts' punctuation and digits leave in it."""
    pairs = len(sample) // 2
    if pairs < 2:
        return None
    zeros_high = sample[1 : 2 * pairs : 2].count(0)
    zeros_low = sample[0 : 2 * pairs : 2].count(0)
    if zeros_high > pairs // 2 and zeros_low <= pairs // 50:
        return "utf-16-le"
    if zeros_low > pairs // 2 and zeros_high <= pairs // 50:
        return "utf-16-be"
    return None


def _declared_encoding(data: bytes) -> str:
    """Return the encoding that a page or an XML file names in its first lines."""
    found = _DECLARED.search(data[:_SAMPLE_BYTES])
    return found.group(1).decode("ascii") if found else "cp1252"
