"""The short names of media types that people filter by: `pdf` for `application/pdf`.

One table for all connectors, so that the same file has the same `type` attribute wherever it comes from.
"""

from __future__ import annotations

import mimetypes
from pathlib import PurePath

UNKNOWN = "application/octet-stream"

_OPENXML = "application/vnd.openxmlformats-officedocument"
_OPENDOCUMENT = "application/vnd.oasis.opendocument"

# The registered names: https://www.iana.org/assignments/media-types
_BY_SHORT_NAME = {
    "csv": "text/csv",
    "doc": "application/msword",
    "docx": f"{_OPENXML}.wordprocessingml.document",
    "eml": "message/rfc822",
    "html": "text/html",
    "jpg": "image/jpeg",
    "json": "application/json",
    "md": "text/markdown",
    "msg": "application/vnd.ms-outlook",
    "odp": f"{_OPENDOCUMENT}.presentation",
    "ods": f"{_OPENDOCUMENT}.spreadsheet",
    "odt": f"{_OPENDOCUMENT}.text",
    "pdf": "application/pdf",
    "png": "image/png",
    "ppt": "application/vnd.ms-powerpoint",
    "pptx": f"{_OPENXML}.presentationml.presentation",
    "rtf": "application/rtf",
    "tiff": "image/tiff",
    "txt": "text/plain",
    "xls": "application/vnd.ms-excel",
    "xlsx": f"{_OPENXML}.spreadsheetml.sheet",
    "xml": "text/xml",
    "zip": "application/zip",
}
_SHORT_NAMES = {mime_type: name for name, mime_type in _BY_SHORT_NAME.items()} | {
    "application/xhtml+xml": "html",
    "application/xml": "xml",
    "text/rtf": "rtf",
    "text/x-markdown": "md",
}


def short_type(mime_type: str) -> str:
    """`pdf` for `application/pdf`; the subtype as it stands for a type that has no short name."""
    bare = mime_type.partition(";")[0].strip().lower()
    return _SHORT_NAMES.get(bare) or bare.rpartition("/")[2] or "unknown"


def guess_mime_type(file_name: str) -> str:
    """What the file name promises; `application/octet-stream` when it promises nothing."""
    extension = PurePath(file_name).suffix.removeprefix(".").lower()
    return _BY_SHORT_NAME.get(extension) or mimetypes.guess_type(file_name)[0] or UNKNOWN
