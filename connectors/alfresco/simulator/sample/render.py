"""The sample documents by name: which text each is written from, and its bytes as a real file of its type.

Invariant: the bytes depend on nothing but the text (no clock, no random ids), so an unchanged document stays unchanged
from one start of the simulator to the next. All texts are original to this project; only the file names are those of a
well-known demonstration set-up.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import PurePath
from types import MappingProxyType

from connectors.alfresco.simulator.sample.web import render_html, render_txt

MADE_AT = datetime(2024, 3, 1, 9, 0, tzinfo=UTC)  # any fixed moment; before the sample worlds' own dates
_AUTHOR = "Sample Library"
_TEXTS = files(__package__) / "texts"

SAMPLE_TEXTS: Mapping[str, str] = MappingProxyType(
    {
        "ChannelMarketingBudget.xlsx": "channel-marketing-budget.toml",
        "wellarchitected-sustainability-pillar.pdf": "sustainability-pillar.md",
        "WorkDocs.docx": "workdocs.md",
        "WorldPopulation.csv": "world-population.csv",
        "Polly-dg.pdf": "polly-developer-guide.md",
        "Transcribe-api.pdf": "transcribe-api.md",
        "Voice-Project-Brief.docx": "voice-project-brief.md",
        "Studio-Booking.html": "studio-booking.md",
        "Release-Checklist.txt": "release-checklist.md",
        "DDoS_White_Paper.pdf": "ddos-white-paper.md",
        "wellarchitected-framework.pdf": "wellarchitected-framework.md",
        "ML_Training.pptx": "ml-training.md",
        "batch_user.pdf": "batch-user.md",
        "Amazon Simple Storage Service – User Guide.pdf": "s3-user-guide.md",
        "AWS Batch – User Guide.pdf": "aws-batch-user-guide.md",
        "Amazon Detective.docx": "amazon-detective.md",
        "Pricing.xlsx": "pricing.toml",
    }
)
"""Document name -> its source file in `texts/`."""


_MEDIA_TYPES = {
    ".pdf": "application/pdf",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".html": "text/html",
    ".txt": "text/plain",
    ".csv": "text/csv",
}


def media_type(name: str) -> str:
    """Returns the MIME type of a sample document by its name."""
    return _MEDIA_TYPES[PurePath(name).suffix]


@cache
def sample_document(name: str) -> bytes:
    """Returns the bytes of a sample document; rendered once per process.

    Raises: KeyError for a name not in `SAMPLE_TEXTS`.
    """
    text = (_TEXTS / SAMPLE_TEXTS[name]).read_text(encoding="utf-8")
    return _rendered(text, suffix=PurePath(name).suffix)


def _rendered(text: str, *, suffix: str) -> bytes:
    """Return a text as a file. What writes PDF and Office files is loaded here: a third of the program's start-up."""
    match suffix:
        case ".pdf":
            from connectors.alfresco.simulator.sample.pdf import render_pdf  # noqa: PLC0415 - see above

            return render_pdf(text, author=_AUTHOR, made_at=MADE_AT)
        case ".docx":
            from connectors.alfresco.simulator.sample.word import render_docx  # noqa: PLC0415 - see above

            return render_docx(text, author=_AUTHOR, made_at=MADE_AT)
        case ".pptx":
            from connectors.alfresco.simulator.sample.slides import render_pptx  # noqa: PLC0415 - see above

            return render_pptx(text, author=_AUTHOR, made_at=MADE_AT)
        case ".xlsx":
            from connectors.alfresco.simulator.sample.sheets import render_xlsx  # noqa: PLC0415 - see above

            return render_xlsx(text, author=_AUTHOR, made_at=MADE_AT)
        case ".html":
            return render_html(text, author=_AUTHOR)
        case ".txt":
            return render_txt(text)
        case ".csv":
            return text.encode()
        case _:
            raise ValueError(f"no renderer for {suffix}")
