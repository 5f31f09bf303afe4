"""A generated repository that was synced for real, and audits of its index with all that they need."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from acl import MatchUserBy, SourceIdentityRule
from connectors.alfresco.simulator.generator import ARCHIVE, generate_world
from indexer.state.audits import AuditRecord, FindingKind
from service.audit.auditing import AuditOptions, AuditOutcome, audit_source
from service.audit.sampling import Sampling
from service.search import ServedIndex
from service.settings.indexes import IndexAccess
from service.settings.settings import Settings, load_settings
from service.wiring import State
from tests.proof.repository_bench import SOURCE, Clock, RepositoryBench, bench_on

_SETTINGS = """
[indexes.private]
engine = "embedded"
path = "unused"

[sources.{source}]
connector = "alfresco"
index = "private"
url = "{url}"
auth = {{ kind = "basic", username = "admin", password = {{ file = "password" }} }}
sites = "all"
folders = ["{folder}"]
match_user_by = "username"
"""


@dataclass
class AuditedRepository:
    """A synced repository, its index, and how to audit it."""

    bench: RepositoryBench
    settings: Settings
    state: State
    index: ServedIndex
    seed: int = field(default=1)

    async def audit(self, questions: int = 200, **sampling: object) -> AuditOutcome:
        options = AuditOptions(policy=self.bench.policy)
        asked = Sampling(questions, self.seed, **sampling)  # type: ignore[arg-type]
        return await audit_source(self.settings, self.state, self.index, SOURCE, asked, options=options)

    async def record(self, questions: int = 200, **sampling: object) -> AuditRecord:
        outcome = await self.audit(questions, **sampling)
        assert outcome.record is not None, outcome.run.message
        return outcome.record


@asynccontextmanager
async def audited_repository(path: Path, *, nodes: int = 60, seed: int = 1) -> AsyncIterator[AuditedRepository]:
    clock = Clock()
    async with bench_on(generate_world(nodes, seed=seed, clock=clock), clock, path) as bench:
        await bench.sync()
        (path / "password").write_text("admin")
        (path / "sightline.toml").write_text(_SETTINGS.format(source=SOURCE, url=bench.url, folder=ARCHIVE))
        state = State.over(bench.engine)
        rules = (SourceIdentityRule(SOURCE, MatchUserBy.USERNAME),)
        index = ServedIndex("private", IndexAccess.TOKEN, bench.backend, rules)
        yield AuditedRepository(bench, load_settings(path / "sightline.toml", environment={}), state, index)


def kinds(record: AuditRecord) -> dict[FindingKind, int]:
    """How many findings of each kind, those without any left out."""
    return {kind: number for kind in FindingKind if (number := record.number_of(kind))}
