"""`GET /discovery` and the probes."""

from __future__ import annotations

from uuid import NAMESPACE_URL, uuid5

from starlette.responses import Response

from connectors.alfresco.simulator.call import Call
from connectors.alfresco.simulator.wire import Bean, entity_not_found

_VERSION = Bean(major="23", minor="4", patch="0", hotfix="0", schema=19200, label="r1", display="23.4.0.0 (r1)")
_PROBES = {"-ready-": "readyProbe: Success - Tested", "-live-": "liveProbe: Success - Tested"}


def get_repository(call: Call) -> Response:
    status = Bean(
        isReadOnly=False,
        isAuditEnabled=call.world.audit_enabled,
        isQuickShareEnabled=True,
        isThumbnailGenerationEnabled=call.world.renditions_enabled,
        isDirectAccessUrlEnabled=False,
    )
    repository = Bean(
        id=str(uuid5(NAMESPACE_URL, call.world.name)),
        edition=call.world.edition,
        version=_VERSION,
        status=status,
        modules=[
            Bean(id=module_id, title=title, version=version, installState="INSTALLED")
            for module_id, (title, version) in call.world.modules.items()
        ],
    )
    return call.entry(Bean(repository=repository))


def get_probe(call: Call) -> Response:
    probe = call.path_parameters["probe_id"]
    if probe not in _PROBES:
        raise entity_not_found(probe)
    return call.entry(Bean(message=_PROBES[probe]))
