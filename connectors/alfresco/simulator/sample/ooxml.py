"""Finishes an Office file: fixed dates, true counts, and bytes that depend on its content alone.

The Office libraries stamp the time of saving into the ZIP entries and into the core properties; two starts of the
simulator would then serve different bytes of an unchanged document, and a connector would rightly call it changed.
They also keep the page and slide counts of their empty templates, where readers look for the document's own.
"""

import io
import re
import zipfile
from collections.abc import Mapping
from datetime import datetime

_CORE_PROPERTIES, _APPLICATION_PROPERTIES = "docProps/core.xml", "docProps/app.xml"
_STAMPS = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*(<)")
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a ZIP entry can carry


def finish(package: bytes, *, made_at: datetime, counts: Mapping[str, int]) -> bytes:
    """Returns the same Office file as if it had been created and last saved at `made_at`.

    `counts` corrects elements of the application properties: `Pages`, `Slides`, `Notes`.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(package)) as source, zipfile.ZipFile(packed, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == _CORE_PROPERTIES:
                content = _stamped(content, made_at)
            if name == _APPLICATION_PROPERTIES:
                content = _counted(content, counts)
            entry = zipfile.ZipInfo(name, date_time=_ZIP_EPOCH)
            target.writestr(entry, content, compress_type=zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _stamped(properties: bytes, made_at: datetime) -> bytes:
    stamp = made_at.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    return _STAMPS.sub(rb"\g<1>" + stamp + rb"\g<2>", properties)


def _counted(properties: bytes, counts: Mapping[str, int]) -> bytes:
    for element, count in counts.items():
        properties = re.sub(rf"(<{element}>)\d+(<)".encode(), rf"\g<1>{count}\g<2>".encode(), properties)
    return properties
