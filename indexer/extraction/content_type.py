"""What a file is, told from its bytes; the source's word for it only chooses between the formats made of plain text.

Source: magic numbers of the formats' own specifications ([MS-CFB] 2.2, APPNOTE 4.3.7, ISO 32000-1 7.5.2).
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
from enum import StrEnum

from indexer.extraction.blocks import Reason, Unreadable

_OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")
_PDF_SEARCH_BYTES = 1024  # readers accept leading rubbish up to here (ISO 32000-1, Annex H.3.4.1)
_MANIFEST_MAX_BYTES = 1 << 20  # an OpenDocument manifest is a few KiB; a larger one is not read
_SNIFF_CHARS = 4096  # as far as the first lines of a text are looked at
_WORD_SIGNATURE = b"\xec\xa5"
_WORD_ENCRYPTED = 0x0100  # FibBase.fEncrypted, [MS-DOC] 2.5.2


class ContentType(StrEnum):
    """The formats that are told apart; the value is the MIME type that the parser is given."""

    PDF = "application/pdf"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
    DOC = "application/msword"
    XLS = "application/vnd.ms-excel"
    PPT = "application/vnd.ms-powerpoint"
    MSG = "application/vnd.ms-outlook"
    ODT = "application/vnd.oasis.opendocument.text"
    ODS = "application/vnd.oasis.opendocument.spreadsheet"
    EPUB = "application/epub+zip"
    RTF = "application/rtf"
    EMAIL = "message/rfc822"
    HTML = "text/html"
    MARKDOWN = "text/markdown"
    CSV = "text/csv"
    TSV = "text/tab-separated-values"
    XML = "text/xml"
    JSON = "application/json"
    TEXT = "text/plain"
    IMAGE = "image/*"  # holds pixels, not text, until there is recognition


# Stream names of an OLE file and what they make it; the first match wins, so that protection is seen before the type.
_OLE_STREAMS = (
    ("WordDocument", ContentType.DOC),
    ("PowerPoint Document", ContentType.PPT),
    ("Workbook", ContentType.XLS),
    ("Book", ContentType.XLS),
    ("__properties_version1.0", ContentType.MSG),
)
_OLE_ENCRYPTED = ("EncryptedPackage", "EncryptedSummary")

# A member that only the format has. Macro-enabled and template variants share it.
_OFFICE_MEMBERS = (
    ("word/document.xml", ContentType.DOCX),
    ("xl/workbook.xml", ContentType.XLSX),
    ("xl/workbook.bin", ContentType.XLSX),
    ("ppt/presentation.xml", ContentType.PPTX),
)

_IMAGE_MAGICS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"BM", b"II*\x00", b"MM\x00*", b"II+\x00")
_IMAGE_BRANDS = (b"heic", b"heix", b"hevc", b"mif1", b"avif")

_MAIL_HEADER = re.compile(
    r"^(from|to|cc|subject|date|received|return-path|message-id|mime-version|x-[\w-]+):", re.I | re.M
)
_MAIL_START = re.compile(r"(?:from |[\w-]+:)", re.I)  # an mbox separator or a header
_MAIL_SENDER = re.compile(r"^from:", re.I | re.M)
_HTML_START = re.compile(
    r"^\s*(?:<!--.*?-->\s*|<\?xml[^>]*>\s*)*<(?:!doctype\s+html|html|head|body|title|meta)\b", re.I | re.S
)
_XML_START = re.compile(r"^\s*<\?xml\b")
_DECLARED_TEXT = {
    "text/csv": ContentType.CSV,
    "application/csv": ContentType.CSV,
    "text/tab-separated-values": ContentType.TSV,
    "text/html": ContentType.HTML,
    "application/xhtml+xml": ContentType.HTML,
    "text/markdown": ContentType.MARKDOWN,
    "text/x-markdown": ContentType.MARKDOWN,
    "message/rfc822": ContentType.EMAIL,
    "text/xml": ContentType.XML,
    "application/xml": ContentType.XML,
    "application/json": ContentType.JSON,
}


def binary_type(data: bytes) -> ContentType | None:
    """Tell the type of a format with a signature; None means that the bytes may be text.

    Raises:
        Unreadable: encrypted, a broken package, or a container of other documents.
    """
    if data.startswith(_OLE_MAGIC):
        return _ole_type(data)
    if data.startswith(_ZIP_MAGICS):
        return _zip_type(data)
    if b"%PDF-" in data[:_PDF_SEARCH_BYTES]:
        return ContentType.PDF
    if data.startswith(b"{\\rtf"):
        return ContentType.RTF
    if _is_image(data):
        return ContentType.IMAGE
    return None


def text_type(text: str, declared: str) -> ContentType:
    """Tell which format a text is written in: by its first lines, then by the declared MIME type."""
    head = text[:_SNIFF_CHARS]
    if _HTML_START.match(head):
        return ContentType.HTML
    if _XML_START.match(head):
        return ContentType.XML
    if _is_mail(head):
        return ContentType.EMAIL
    return _DECLARED_TEXT.get(declared.partition(";")[0].strip().lower(), ContentType.TEXT)


def _is_mail(head: str) -> bool:
    headers = head.replace("\r\n", "\n").partition("\n\n")[0]
    if not _MAIL_START.match(headers) or not _MAIL_SENDER.search(headers):
        return False
    return len(_MAIL_HEADER.findall(headers)) >= 2


def _is_image(data: bytes) -> bool:
    if data.startswith(_IMAGE_MAGICS):
        return True
    return (data[:4] == b"RIFF" and data[8:12] == b"WEBP") or (data[4:8] == b"ftyp" and data[8:12] in _IMAGE_BRANDS)


def _ole_type(data: bytes) -> ContentType:
    """Tell an OLE file's type from the names in its directory, which are UTF-16 wherever the directory lies."""
    if any(_has_stream(data, name) for name in _OLE_ENCRYPTED):
        raise Unreadable(Reason.ENCRYPTED, "the office file needs a password")
    for name, content_type in _OLE_STREAMS:
        if _has_stream(data, name):
            if content_type is ContentType.DOC and _is_encrypted_word(data):
                raise Unreadable(Reason.ENCRYPTED, "the office file needs a password")
            return content_type
    raise Unreadable(Reason.UNSUPPORTED, "an OLE file of no known kind")


def _has_stream(data: bytes, name: str) -> bool:
    return f"{name}\0".encode("utf-16-le") in data


def _is_encrypted_word(data: bytes) -> bool:
    """Look at the flag in the header of the main stream, which Word writes at the start of a sector."""
    for offset in range(512, min(len(data), 1 << 20), 512):
        if data[offset : offset + 2] == _WORD_SIGNATURE:
            (flags,) = struct.unpack_from("<H", data, offset + 10)
            return bool(flags & _WORD_ENCRYPTED)
    return False


def _zip_type(data: bytes) -> ContentType:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            return _package_type(package)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, OSError) as error:
        raise Unreadable(Reason.DAMAGED, "the package cannot be opened") from error


def _package_type(package: zipfile.ZipFile) -> ContentType:
    names = set(package.namelist())
    for member, content_type in _OFFICE_MEMBERS:
        if member in names:
            return content_type
    if "META-INF/manifest.xml" in names and b"encryption-data" in _read_small(package, "META-INF/manifest.xml"):
        raise Unreadable(Reason.ENCRYPTED, "the document needs a password")
    if "mimetype" in names:
        declared = _read_small(package, "mimetype").decode("ascii", "replace").strip().removesuffix("-template")
        if declared in (ContentType.ODT, ContentType.ODS, ContentType.EPUB):
            return ContentType(declared)
    # The members of an archive are documents of their own, with names and dates of their own; taking their text for
    # the archive's would hide where it is from. Most zip bombs end here as well, unopened.
    raise Unreadable(Reason.UNSUPPORTED, "an archive, or a package of no known kind")


def _read_small(package: zipfile.ZipFile, name: str) -> bytes:
    if package.getinfo(name).file_size > _MANIFEST_MAX_BYTES:
        return b""
    with package.open(name) as member:
        return member.read(_MANIFEST_MAX_BYTES)
