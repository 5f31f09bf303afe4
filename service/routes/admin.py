"""Every route under /admin, one file for each subject.

A file's routes come from `Administrators.router`, which lets nobody in without a key that has the scope. An act that
changes something, or that looks through somebody's eyes, is recorded before it happens (`AdminActs.record`).
"""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter

from service.admin.administration import Administration
from service.admin.sync_desk import SyncDesk
from service.routes.admin_acts import acts_router
from service.routes.admin_audits import audits_router
from service.routes.admin_explain import explain_router
from service.routes.admin_identities import identities_router
from service.routes.admin_reviews import reviews_router
from service.routes.admin_runs import runs_router
from service.routes.admin_search import search_as_router
from service.routes.admin_sources import sources_router
from service.routes.admin_syncs import syncs_router


def admin_routers(administration: Administration) -> Sequence[APIRouter]:
    """Return the routers of all subjects."""
    subjects = (
        acts_router,
        audits_router,
        explain_router,
        identities_router,
        reviews_router,
        runs_router,
        search_as_router,
        sources_router,
    )
    routers = [router_of(administration) for router_of in subjects]
    if administration.scheduler is not None:
        desk = SyncDesk(administration.settings, administration.state.runs, administration.scheduler)
        routers.append(syncs_router(administration, desk))
    return routers
