"""`models`: train classifiers of toxicity, look at what they are worth, and say which may score documents."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from embedder.toxicity.model import FineTune, Stages
from embedder.toxicity.registry import ModelRegistry, StoredModel
from service.admin.acts import Act
from service.admin.command_line import command_line
from service.commands.recorded import recorded_act
from service.commands.terminal import ConfigOption, JsonOption, console, error_console, print_json, print_table
from service.settings.settings import CONFIG_VARIABLE, DEFAULT_FILE, Settings, load_settings, settings_file
from vocabulary.errors import SettingMissing

models = typer.Typer(help="Train classifiers, evaluate, list and approve them.", no_args_is_help=True)
train = typer.Typer(help="Train a classifier from labelled texts.", no_args_is_help=True)
evaluate = typer.Typer(help="Measure a classifier on labelled texts.", no_args_is_help=True)
models.add_typer(train, name="train")
models.add_typer(evaluate, name="evaluate")

FolderOption: TypeAlias = Annotated[
    Path | None,
    typer.Option("--folder", metavar="FOLDER", help="Where models are kept. Default: [embedder] models_folder."),
]
DataOption: TypeAlias = Annotated[
    list[Path],
    typer.Option(
        "--data", metavar="FILE", help="CSV, TSV, JSON lines (also .gz), or a manifest of part files; repeat it."
    ),
]
RootOption: TypeAlias = Annotated[
    Path | None,
    typer.Option("--data-root", metavar="FOLDER", help="Where a manifest's paths begin. Default: beside it."),
]
TextColumn: TypeAlias = Annotated[str, typer.Option(metavar="NAME", help="The column with the text.")]
LabelColumn: TypeAlias = Annotated[str, typer.Option(metavar="NAME", help="The column with the label.")]
CleanLabels: TypeAlias = Annotated[
    list[str], typer.Option("--clean-label", metavar="LABEL", help="A label that means clean; repeat it.")
]
CacheOption: TypeAlias = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Keep encoded texts there, for the next training.")
]


@train.command("toxicity")
def train_toxicity(  # noqa: PLR0917 - options, given by name
    name: Annotated[str, typer.Option(metavar="NAME", help="The model's name: lower-case letters, digits, dashes.")],
    data: DataOption,
    clean: Annotated[
        list[Path], typer.Option(metavar="FILE", help="Further clean text: .txt, one a line, or as --data; repeat it.")
    ] = [],  # noqa: B006 - typer copies it
    data_root: RootOption = None,
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    clean_label: CleanLabels = [],  # noqa: B006 - typer copies it
    stages: Annotated[Stages, typer.Option(help="Toxic first and then which, or all at once with a clean class.")] = (
        Stages.TWO
    ),
    fine_tune: Annotated[
        FineTune, typer.Option(help="Which layers of the encoder become the model's own: better on much data, slower.")
    ] = FineTune.NONE,
    encoder: Annotated[str, typer.Option(metavar="MODEL", help="As [embedder] model.")] = "all-MiniLM-L6-v2",
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="The same seed and data give the same model.")] = 20,
    network_examples: Annotated[
        int, typer.Option(min=100, help="Training texts that are encoded at most; n-grams learn from all.")
    ] = 50_000,
    cache: CacheOption = None,
    folder: FolderOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a classifier of toxicity, with a report on held-out texts. It scores nothing until it is approved."""
    registry = _registry(folder, config)
    registry.prepare(name)  # what could not be kept must not be trained for minutes
    learning = _learning()
    defaults = _part(learning, text_column, label_column, clean_label)
    parts = [part for file in data for part in learning.parts_of(file, defaults, root=data_root)]
    clean_defaults = defaults.model_copy(update={"label": "clean"})
    parts += [part for file in clean for part in learning.parts_of(file, clean_defaults, root=data_root)]
    order = learning.Order(
        name=name, parts=parts, encoder=encoder, stages=stages, fine_tune=fine_tune, seed=seed,
        network_examples=network_examples, cache=cache, command=_command(),
    )  # fmt: skip
    began = time.monotonic()
    trained = learning.train(order, _say)
    documents = learning.report_documents(trained.model.card, trained.figures, trained.notes)
    stored = registry.publish(trained.model, documents)
    _tell(stored, trained.figures, took_s=time.monotonic() - began, as_json=as_json)


@evaluate.command("toxicity")
def evaluate_toxicity(  # noqa: PLR0917 - options, given by name
    model: Annotated[
        str, typer.Argument(metavar="NAME[@VERSION]", help="Approved or not; `shipped` is the shipped one.")
    ],
    data: DataOption,
    data_root: RootOption = None,
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    clean_label: CleanLabels = [],  # noqa: B006 - typer copies it
    encoder: Annotated[str, typer.Option(metavar="MODEL", help="As [embedder] model.")] = "all-MiniLM-L6-v2",
    at_most: Annotated[int, typer.Option(min=1, help="Texts that are measured at most.")] = 10_000,
    cache: CacheOption = None,
    folder: FolderOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure a classifier on labelled texts that are all held out; where the data names a test part, on that alone."""
    learning = _learning()
    defaults = _part(learning, text_column, label_column, clean_label)
    parts = [part for file in data for part in learning.parts_of(file, defaults, root=data_root)]
    file = learning.SHIPPED_MODEL if model == "shipped" else _registry(folder, config).found(model).file
    figures = learning.evaluate(file, parts, encoder=encoder, cache=cache, most=at_most)
    if as_json:
        print_json(figures)
        return
    print_table(["of", "texts", "toxic", "precision", "recall", "F1", "AUC", "calibration error"], _rows(figures))


@models.command("list")
def list_models(folder: FolderOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List every version of every trained model, and which of them may score documents."""
    stored = _registry(folder, config).versions()
    if as_json:
        print_json([_described(version) for version in stored])
        return
    if not stored:
        console().print("No models.")
        return
    rows = [
        (
            one.name,
            one.version,
            one.approval.at if one.approval else "",
            one.approval.by if one.approval else one.damage,
        )
        for one in stored
    ]
    print_table(["name", "version", "approved", "by"], rows)


@models.command("approve")
def approve(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    version: Annotated[str, typer.Argument(metavar="VERSION")],
    folder: FolderOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a version score documents. Read its report first: card.md beside its weights."""
    settings = load_settings(settings_file(config))
    with _recorded(settings, Act.APPROVE_MODEL, folder, f"{name}@{version}") as (registry, reference):
        stored = registry.approve(reference, by=command_line().name, at=datetime.now(UTC))
    if as_json:
        print_json(_described(stored))
        return
    console().print(f"{stored.reference} is approved. {_when_it_scores(stored, settings.embedder.toxicity_model)}")


@models.command("disapprove")
def disapprove(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    version: Annotated[str, typer.Argument(metavar="VERSION")],
    folder: FolderOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take the approval of a version back: the newest one that is still approved scores instead, or nothing does."""
    settings = load_settings(settings_file(config))
    with _recorded(settings, Act.DISAPPROVE_MODEL, folder, f"{name}@{version}") as (registry, reference):
        stored = registry.disapprove(reference)
    if as_json:
        print_json(_described(stored))
        return
    console().print(
        f"{stored.reference} is not approved any more: nothing begins to score with it; a sync under way ends with it."
    )


@contextmanager
def _recorded(settings: Settings, act: Act, folder: Path | None, version: str) -> Iterator[tuple[ModelRegistry, str]]:
    """Find a version in the folder of models, and write an act on it down before it is done."""
    registry = ModelRegistry(folder or settings.embedder.models_folder)
    reference = registry.found(version).reference
    with recorded_act(settings, act, subject=reference):
        yield registry, reference


def _when_it_scores(stored: StoredModel, setting: str) -> str:
    if setting in {stored.name, stored.reference}:
        return "It scores from now on, in programs that run already as well."
    return f'It scores once [embedder] toxicity_model = "{stored.name}" is set.'


def _registry(folder: Path | None, config: Path | None) -> ModelRegistry:
    """Open the folder that is given, else that of the settings, else the default where there are no settings."""
    if folder is not None:
        return ModelRegistry(folder)
    file = settings_file(config)
    if config is None and not file.exists() and file == Path(DEFAULT_FILE):
        raise SettingMissing(
            f"there is no {DEFAULT_FILE} here and no ${CONFIG_VARIABLE}; say where models are kept with --folder"
        )
    return ModelRegistry(load_settings(file).embedder.models_folder)


def _learning() -> Any:
    """Import what learns only where it is used: it needs the `train` extra, and a second."""
    try:
        from embedder.toxicity.learning import commands  # noqa: PLC0415 - see above
    except ImportError as error:
        raise SettingMissing(
            f"training and evaluating need the `train` extra ({error.name} is missing): pip install 'sightline[train]'"
        ) from error
    return commands


def _part(learning: Any, text_column: str, label_column: str, clean_labels: list[str]) -> Any:
    columns = {"path": Path(), "text_column": text_column, "label_column": label_column}
    return learning.Part(**columns | ({"clean_labels": frozenset(clean_labels)} if clean_labels else {}))


def _command() -> str:
    return shlex.join(["sightline", *sys.argv[1:]])


def _say(line: str) -> None:
    error_console().print(line, markup=False)


def _tell(stored: StoredModel, figures: Any, *, took_s: float, as_json: bool) -> None:
    if as_json:
        print_json(_described(stored) | {"figures": figures, "took_s": round(took_s, 1)})
        return
    print_table(["held-out", "texts", "toxic", "precision", "recall", "F1", "AUC", "calibration error"], _rows(figures))
    console().print(
        f"{stored.reference} is kept in {stored.folder}; read card.md there, then approve it:", markup=False
    )
    console().print(f"    sightline models approve {stored.name} {stored.version}", markup=False)


def _rows(figures: Any) -> list[list[object]]:
    named = [*figures["by_source"].items(), ("all", figures["toxic"])]
    keys = ("texts", "positive", "precision", "recall", "f1", "auc", "calibration_error")
    rows: list[list[object]] = [[name, *(_spelled(found[key]) for key in keys)] for name, found in named]
    for key in ("clean_text", "traps"):
        alarms = figures[key]
        rows.append([f"{key.replace('_', ' ')}, flagged {alarms['flagged']}", alarms["texts"], "", "", "", "", "", ""])
    return rows


def _spelled(value: Any) -> str:
    return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else f"{value:,}"


def _described(stored: StoredModel) -> dict[str, Any]:
    approval = stored.approval
    return {
        "name": stored.name,
        "version": stored.version,
        "folder": str(stored.folder),
        "approved_at": approval.at if approval else None,
        "approved_by": approval.by if approval else None,
        "damage": stored.damage or None,
    }
