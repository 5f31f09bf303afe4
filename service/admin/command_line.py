"""Who runs a command: the user of the operating system, who needs no key, because the files are theirs already."""

from __future__ import annotations

import os
import pwd

from service.admin.administrators import Administrator
from service.admin.key_config import Scope


def command_line() -> Administrator:
    """Name the user of this process, as the operating system knows them and whatever its environment says."""
    return Administrator(f"command line ({_user_name()})", frozenset(Scope))


def _user_name() -> str:
    user_id = os.getuid()
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:  # in a container, users may have no names
        return f"user {user_id}"
