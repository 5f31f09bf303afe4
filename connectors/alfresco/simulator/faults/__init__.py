"""What goes wrong between a client and a repository, on command.

`world.faults` holds the rules; each names the requests that it hits and one of the faults of `kinds.py`. Rules can be
added and removed while the world is being served, and every hit stands in the request log.
"""

from connectors.alfresco.simulator.faults.kinds import (
    Fault,
    break_off,
    busy,
    call,
    cut_short,
    delay,
    empty_list,
    fail,
    login_page,
    not_found,
    proxy_page,
    refuse,
    reset,
    shift_pages,
    stall,
)
from connectors.alfresco.simulator.faults.rules import Faults, Rule

__all__ = [
    "Fault",
    "Faults",
    "Rule",
    "break_off",
    "busy",
    "call",
    "cut_short",
    "delay",
    "empty_list",
    "fail",
    "login_page",
    "not_found",
    "proxy_page",
    "refuse",
    "reset",
    "shift_pages",
    "stall",
]
