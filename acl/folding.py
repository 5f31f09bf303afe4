"""When two spellings of a login name or an e-mail address are the same."""

from __future__ import annotations


def fold(name: str) -> str:
    """Lower-case every letter whose two cases are one another's only partners; leave all others as they are.

    Full Unicode case folding would also make `ß` equal `ss`, the Kelvin sign equal `k` and the long `ſ` equal `s`: one
    person could then register a name that a token of another is taken for.
    """
    if name.isascii():
        return name.lower()
    return "".join(lower if (lower := letter.lower()).upper() == letter else letter for letter in name)
