"""The sample repositories a fresh simulator serves: people, groups, sites, permissions, and real documents.

Out: `onprem_world()` and `cloud_world()`, built anew on each call, the names by which a connector is pointed at them,
and `sample_document(name)`. Texts lie in `texts/`, one source file per document, and become PDF, Office, HTML, CSV and
plain-text files when they are first asked for.
"""

from connectors.alfresco.simulator.sample.furnish import CRAWLER, sample_password
from connectors.alfresco.simulator.sample.render import SAMPLE_TEXTS, media_type, sample_document
from connectors.alfresco.simulator.sample.worlds import (
    CLOUD_PRIVATE_SITE,
    CLOUD_PUBLIC_SITE,
    INDEX_CONTROL,
    ONPREM_FOLDER,
    ONPREM_SITE,
    cloud_world,
    onprem_world,
)

__all__ = [
    "CLOUD_PRIVATE_SITE",
    "CLOUD_PUBLIC_SITE",
    "CRAWLER",
    "INDEX_CONTROL",
    "ONPREM_FOLDER",
    "ONPREM_SITE",
    "SAMPLE_TEXTS",
    "cloud_world",
    "media_type",
    "onprem_world",
    "sample_document",
    "sample_password",
]
