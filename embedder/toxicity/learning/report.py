"""A training's figures for people: Markdown beside the weights, and the confusion as a picture."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from embedder.toxicity.learning.figures import Figures
from embedder.toxicity.model import FineTune, ModelCard

UNRELIABLE = 50  # held-out texts of a class below which its figures say little


def report_documents(card: ModelCard, figures: Figures, notes: Sequence[str]) -> dict[str, bytes]:
    """Return what lies beside the weights, by file name."""
    confusion = figures.get("categories", {}).get("confusion") or figures["confusion"]
    document = {"figures": figures, "notes": list(notes), "data": card.data, "made_with": card.made_with}
    return {
        "card.md": card_text(card, figures, notes).encode(),
        "report.json": json.dumps(document, indent=2, ensure_ascii=False).encode(),
        "confusion.png": confusion_plot(confusion["classes"], confusion["counts"]),
    }


def card_text(card: ModelCard, figures: Figures, notes: Sequence[str]) -> str:
    """Describe a model, its data and its held-out figures as Markdown."""
    parts = [
        f"# {card.name}: a toxicity model",
        _introduction(card),
        "## Data",
        _counts(card),
        _table(("set", "texts", "toxic", "lines skipped", "licence", "file", "SHA-256"), map(_data_row, card.data)),
        f"## Held-out quality at the threshold {figures['threshold']:.2f}",
        f"{figures['held_out']['measured']:,} of {figures['held_out']['texts']:,} held-out texts were measured.",
        _table(_BINARY, _binary_rows(figures)),
        *_before_parts(figures),
        *_category_parts(figures),
        "## False alarms",
        _alarms(figures),
        "## One toxic text among clean sentences",
        _dilution(figures),
        "## As documents are scored",
        *_as_documents(figures["as_documents"]),
        *(["## Notes", "\n".join(f"- {note}" for note in notes)] if notes else []),
        "## Limits",
        _LIMITS,
    ]
    return "\n\n".join(parts) + "\n"


_BINARY = (
    "held-out texts of",
    "texts",
    "toxic",
    "precision",
    "recall",
    "F1",
    "weighted F1",
    "AUC",
    "calibration error",
    "by chance",
)
_BINARY_KEYS = (
    "precision",
    "recall",
    "f1",
    "weighted_f1",
    "auc",
    "calibration_error",
    "calibration_error_by_chance",
)
_LIMITS = f"""\
A model says what the people who labelled its data would say, with their bias: dialect and reclaimed words tend to be
flagged too often, and what its data lacks (another language, another tone) it does not know. Figures of fewer than
{UNRELIABLE} texts are marked with * and say little; what calibration error so many texts have by chance, if every score
is exactly true, stands beside it. The score is an attribute to filter by, never a permission and
never a verdict on a person."""


def _introduction(card: ModelCard) -> str:
    kinds = ", ".join(card.categories) or "none"
    thresholds = card.thresholds
    layers = {
        FineTune.NONE: card.encoder,
        FineTune.TOP_LAYERS: f"{card.encoder} with upper layers of its own",
        FineTune.ENCODER: f"an encoder of its own, made from {card.encoder},",
    }[card.fine_tuned]
    lines = [
        f"Reads four poolings of {layers} and hashed n-grams; gives a calibrated probability, 0..1, that people",
        f"find a text toxic. Stages: {card.stages.value}. Categories: {kinds}.",
        "",
        f"- Made by `{card.made_with.get('command', '')}`, seed {card.made_with.get('seed')}",
        f"- Encoder weights: {card.encoder_sha256}",
        f"- Thresholds: flag {thresholds.flag:.2f}, hide {thresholds.hide:.2f}, prefilter {thresholds.prefilter:.4f}",
    ]
    return "\n".join(lines)


def _counts(card: ModelCard) -> str:
    counts: Mapping[str, Any] = card.made_with.get("counts", {})

    def number(key: str) -> str:
        return f"{counts.get(key, 0):,}"

    rare = ", ".join(f"{name} ({count})" for name, count in counts.get("rare_categories_left_out", {}).items())
    return (
        f"{number('duplicates_removed')} duplicates (equal words in equal order) were removed before the split; "
        f"{number('duplicates_labelled_otherwise')} of them were labelled otherwise than the first, which was kept. "
        f"Of {number('texts')} texts, the project's own clean sentences included, "
        f"{number('train')} trained, {number('calibrate')} calibrated and {number('test')} were held out. "
        f"Without words: {number('without_words')}; "
        f"equal to held-out sentences of the project: {number('equal_to_held_out_sentences')}. "
        f"Categories too rare to learn: {rare or 'none'}."
    )


def _data_row(data: Mapping[str, Any]) -> Sequence[str]:
    skipped = "; ".join(f"{reason}: {count}" for reason, count in data["skipped_lines"].items()) or "0"
    return (
        data["source"],
        f"{data['texts']:,}",
        f"{data['toxic']:,}",
        skipped,
        data["licence"] or "not stated",
        data["file"],
        data["sha256"][:16],
    )


def _binary_rows(figures: Figures) -> Iterable[Sequence[str]]:
    for name, found in (*figures["by_source"].items(), ("**all**", figures["toxic"])):
        mark = "*" if found["positive"] < UNRELIABLE else ""
        values = (found[key] for key in _BINARY_KEYS)
        yield (name, f"{found['texts']:,}", f"{found['positive']:,}{mark}", *map(_number, values))


def _before_parts(figures: Figures) -> list[str]:
    found = figures.get("before_fine_tuning")
    if not found:
        return []
    return [
        f"Before fine-tuning, on the same texts and at its own best threshold: F1 {_number(found['f1'])}, weighted F1 "
        f"{_number(found['weighted_f1'])}, AUC {_number(found['auc'])}, calibration error "
        f"{_number(found['calibration_error'])}. So it still screens what it is not sure to be clean."
    ]


def _category_parts(figures: Figures) -> list[str]:
    found = figures.get("categories")
    if not found:
        return []
    rows = [
        (
            name,
            f"{row['texts']:,}{'*' if row['texts'] < UNRELIABLE else ''}",
            *(_number(row[key]) for key in ("precision", "recall", "f1", "auc", "calibration_error")),
        )
        for name, row in found["classes"].items()
    ]
    table = _table(("category", "texts", "precision", "recall", "F1", "AUC", "calibration error"), rows)
    overall = ", ".join(
        f"{label} {_number(found.get(key))}"
        for key, label in (("weighted_f1", "weighted F1"), ("macro_f1", "macro F1"), ("weighted_auc", "weighted AUC"))
        if key in found
    )
    return ["## Categories", table, f"All together: {overall}."]


def _alarms(figures: Figures) -> str:
    rows = [
        (label, f"{figures[key]['texts']:,}", f"{figures[key]['flagged']:,}", f"{100 * figures[key]['share']:.2f} %")
        for key, label in (("clean_text", "held-out clean text"), ("traps", "held-out sentences with trap words"))
    ]
    return _table(("clean texts", "texts", "flagged", "share"), rows)


def _dilution(figures: Figures) -> str:
    found = figures["dilution"]
    whole, sentences = _number(found["found_by_whole"]), _number(found["found_by_sentence"])
    return (
        f"{found['passages']} held-out toxic texts, each between four clean sentences: scored as a whole passage "
        f"{whole} are found, scored sentence by sentence {sentences}."
    )


def _as_documents(found: Figures) -> list[str]:
    toxic, dilution = found["toxic"], found["dilution"]
    alarms = ", ".join(
        f"{found[key]['flagged']:,} of {found[key]['texts']:,} {label}"
        for key, label in (("clean_text", "clean texts"), ("traps", "sentences with trap words"))
    )
    return [
        "All figures above are of texts that the model reads whole. Here the same texts went the way of documents: the "
        "pass that embeds them says which are looked at closer, sentence by sentence, and the worst counts.",
        f"Precision {_number(toxic['precision'])}, recall {_number(toxic['recall'])}, F1 {_number(toxic['f1'])}, AUC "
        f"{_number(toxic['auc'])}. Of toxic texts that the model flags when it reads them whole, "
        f"{found['toxic_lost']:,} are lost. Flagged are {alarms}; of {dilution['passages']} toxic texts between clean "
        f"sentences {_number(dilution['found'])} are found.",
    ]


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def confusion_plot(classes: Sequence[str], counts: Sequence[Sequence[int]]) -> bytes:
    """Draw a confusion as PNG: rows are what people said, columns what the model says, shades shares of a row."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - a second to import, and only of the `train` extra

    size = 2.2 + 0.8 * len(classes)
    figure = Figure(figsize=(size + 1, size), layout="constrained")
    axes = figure.subplots()
    shares = [[count / max(1, sum(row)) for count in row] for row in counts]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(classes)), classes, rotation=40, ha="right")
    axes.set_yticks(range(len(classes)), classes)
    axes.set_xlabel("model")
    axes.set_ylabel("people")
    for row, values in enumerate(counts):
        for column, count in enumerate(values):
            dark = shares[row][column] > 0.5
            axes.text(column, row, f"{count:,}", ha="center", va="center", color="white" if dark else "black")
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=110)
    return drawn.getvalue()
