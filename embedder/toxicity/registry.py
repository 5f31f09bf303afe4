"""Trained models in a folder: every version kept as it was made, with its report, and whether someone approved it.

    FOLDER/NAME/VERSION/model.safetensors  card.md  report.json  confusion.png  [approval.json]

Versions count from 1 and are never written again; publishing is one rename, so that a version is whole or absent. An
approval names the file that was approved by its SHA-256: weights that were exchanged afterwards are not approved.

Invariant: what is not approved never scores documents (`approved`); evaluation may read it (`found`).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from embedder.toxicity.model import ToxicityModel
from embedder.toxicity.model_file import load_model, save_model
from vocabulary.errors import SettingInvalid

Fingerprint: TypeAlias = tuple[tuple[str, tuple[int, ...]], ...]

NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
RESERVED = frozenset({"shipped", "none"})  # what a setting can say besides a model's name
_VERSION = re.compile(r"[1-9][0-9]{0,8}")
_MODEL, _APPROVAL = "model.safetensors", "approval.json"
_EXCHANGED = "its file is not the one that was approved"


@dataclass(frozen=True, slots=True)
class Approval:
    """Who let a version score documents, and when."""

    by: str
    at: datetime  # aware, UTC
    sha256: str  # of the model file


@dataclass(frozen=True, slots=True)
class StoredModel:
    """One version in the folder. `damage` says why its approval cannot be used, if there is one that cannot."""

    name: str
    version: str
    folder: Path
    approval: Approval | None
    damage: str = ""

    @property
    def reference(self) -> str:
        return f"{self.name}@{self.version}"

    @property
    def file(self) -> Path:
        return self.folder / _MODEL

    @property
    def problem(self) -> str:
        """The damage in words for an operator; empty: none."""
        return f"{self.reference} is not approved: {self.damage}" if self.damage else ""


class ModelRegistry:
    """The versions of toxicity models in one folder, which need not exist yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def prepare(self, name: str) -> Path:
        """Make the folder of a model's versions, if it is not there, and return it.

        Raises:
            SettingInvalid: the name is not lower-case letters, digits and dashes, or is reserved; or nothing can be
                written there.
        """
        home = self._folder / require_name(name)
        try:
            home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingInvalid(f"models folder: {home} cannot be made: {error}") from error
        if not os.access(home, os.W_OK | os.X_OK):
            raise SettingInvalid(f"models folder: {home} cannot be written")
        return home

    def publish(self, model: ToxicityModel, documents: Mapping[str, bytes]) -> StoredModel:
        """Keep a model as the next version of its name, with documents beside it (file name to content).

        Raises:
            SettingInvalid: as `prepare`, or the files cannot be written.
        """
        name = model.card.name
        home = self.prepare(name)
        while True:
            version = str(1 + max((int(stored.version) for stored in self._versions(name)), default=0))
            making = Path(tempfile.mkdtemp(prefix=".making-", dir=home))
            try:
                making.chmod(0o755)  # as other folders are; a temporary one is its maker's alone
                save_model(replace(model, card=replace(model.card, version=version)), making / _MODEL)
                for file_name, content in documents.items():
                    (making / file_name).write_bytes(content)
                os.rename(making, home / version)  # noqa: PTH104 - fails where the version exists, which `replace` may not
            except FileExistsError:
                continue  # someone else published at the same time: theirs is this version, ours the next
            except OSError as error:
                if (home / version).exists():
                    continue
                raise SettingInvalid(f"models folder: {home / version} cannot be written: {error}") from error
            finally:
                shutil.rmtree(making, ignore_errors=True)
            return _stored(name, version, home / version)

    def versions(self) -> list[StoredModel]:
        """Return every version, by name and then oldest first."""
        names = sorted(entry.name for entry in _folders(self._folder) if NAME_PATTERN.fullmatch(entry.name))
        return [stored for name in names for stored in self._versions(name)]

    def found(self, reference: str) -> StoredModel:
        """Return `name@version`, or the newest version of `name`, approved or not.

        Raises:
            SettingInvalid: there is none.
        """
        matching = self.matching(reference)
        if not matching:
            known = ", ".join(stored.reference for stored in self.versions()) or "none"
            raise SettingInvalid(f"there is no toxicity model {reference} in {self._folder}; there are: {known}")
        return matching[-1]

    def matching(self, reference: str) -> list[StoredModel]:
        """Return `name@version`, or every version of `name`, oldest first; what is not there is left out.

        Raises:
            SettingInvalid: it is no name.
            OSError: the folder is there and cannot be read.
        """
        name, chosen, version = reference.partition("@")
        return [each for each in self._versions(require_name(name)) if not chosen or each.version == version]

    def problems(self, reference: str) -> list[str]:
        """Say what is wrong with versions that would score before the approved one, or that none is approved.

        Raises:
            SettingInvalid, OSError: as `matching`.
        """
        found: list[str] = []
        for stored in reversed(self.matching(reference)):
            if stored.approval is not None:
                return found
            found += [stored.problem] if stored.problem else []
        return found or [f"no version of {reference} is approved"]

    def fingerprint(self, reference: str) -> Fingerprint:
        """Tell whether anything may have changed about the versions of a model: it changes with their files.

        Nothing is read, so that it may be asked with every request.

        Raises:
            OSError: the folder is there and cannot be read.
        """
        name = require_name(reference.partition("@")[0])
        files = (folder / file for folder in _folders(self._folder / name) for file in (_MODEL, _APPROVAL))
        return tuple(sorted((str(file), _stat(file)) for file in files))

    def require_unchanged(self, stored: StoredModel) -> None:
        """Refuse a version that was read while its file, or its approval, was being exchanged.

        Raises:
            SettingInvalid: it is not approved any more as it was found.
        """
        if _stored(stored.name, stored.version, stored.folder).approval != stored.approval:
            raise SettingInvalid(f"{stored.reference} changed while it was read")

    def approve(self, reference: str, *, by: str, at: datetime) -> StoredModel:
        """Let a version score documents from now on; an approval that stands is kept as it is.

        Raises:
            SettingInvalid: there is no such version, its file cannot be loaded, or it is another one than was approved
                before: stored text would be taken for scored by both.
        """
        stored = self.found(reference)
        if stored.approval is not None:
            return stored
        if stored.damage == _EXCHANGED:
            raise SettingInvalid(f"{stored.problem}; a version is never written again, so publish another one")
        load_model(stored.file)
        approval = Approval(by=by, at=at, sha256=_sha256(stored.file))
        content = json.dumps(asdict(approval) | {"at": at.isoformat()}, indent=2)
        written = stored.folder / f".{_APPROVAL}.{os.getpid()}"
        written.write_text(content, encoding="utf-8")
        written.replace(stored.folder / _APPROVAL)
        return replace(stored, approval=approval, damage="")

    def disapprove(self, reference: str) -> StoredModel:
        """Take an approval back, whatever state it is in: the version scores no documents from now on.

        Raises:
            SettingInvalid: there is no such version, or the approval cannot be removed.
        """
        stored = self.found(reference)
        try:
            (stored.folder / _APPROVAL).unlink(missing_ok=True)
        except OSError as error:
            raise SettingInvalid(
                f"models folder: the approval of {stored.reference} cannot be removed: {error}"
            ) from error
        return replace(stored, approval=None, damage="")

    def approved(self, reference: str) -> StoredModel:
        """Return `name@version` if it is approved, or the newest approved version of `name`.

        Raises:
            SettingInvalid: there is no such model, none is approved, or its file changed since.
        """
        wanted = self.found(reference)
        name, chosen, _ = reference.partition("@")
        candidates = [wanted] if chosen else self._versions(name)
        approved = [stored for stored in candidates if stored.approval is not None]
        if not approved:
            because = f" ({wanted.damage})" if wanted.damage else ""
            raise SettingInvalid(
                f"the toxicity model {reference} is not approved{because}, so it scores no documents; "
                f"read its report, then run `sightline models approve {wanted.name} {wanted.version}`"
            )
        return approved[-1]

    def _versions(self, name: str) -> list[StoredModel]:
        folders = [entry for entry in _folders(self._folder / name) if _VERSION.fullmatch(entry.name)]
        return [_stored(name, entry.name, entry) for entry in sorted(folders, key=lambda entry: int(entry.name))]


def require_name(name: str) -> str:
    """Return a model's name if it can be one. Raises SettingInvalid otherwise."""
    if not NAME_PATTERN.fullmatch(name) or name in RESERVED:
        raise SettingInvalid(
            f"{name!r} cannot be the name of a model: lower-case letters, digits and dashes, "
            f"and not {' or '.join(sorted(RESERVED))}"
        )
    return name


def _folders(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (entry for entry in folder.iterdir() if entry.is_dir())


def _stored(name: str, version: str, folder: Path) -> StoredModel:
    stored = StoredModel(name, version, folder, approval=None)
    try:
        document = json.loads((folder / _APPROVAL).read_text(encoding="utf-8"))
        approval = Approval(document["by"], datetime.fromisoformat(document["at"]), document["sha256"])
    except FileNotFoundError:
        return stored
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return replace(stored, damage=f"its {_APPROVAL} cannot be read")
    try:
        is_as_approved = _sha256(stored.file) == approval.sha256
    except OSError as error:  # of one version, and no reason to look at none
        return replace(stored, damage=f"its file cannot be read: {error}")
    return replace(stored, approval=approval) if is_as_approved else replace(stored, damage=_EXCHANGED)


def _stat(file: Path) -> tuple[int, ...]:
    """Return what changes with a file that is written, or put in another's place; nothing of none.

    Of one that cannot be looked at, the reason: that goes, too, and says nothing about other versions.
    """
    try:
        found = file.stat()
    except FileNotFoundError:
        return ()
    except OSError as error:
        return (error.errno or 0,)
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
