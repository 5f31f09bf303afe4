"""From claims that something vouches for to a reader: times and issuer, then the names of the user and the groups."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeGuard

from joserfc.errors import ClaimError, ExpiredTokenError, MissingClaimError
from joserfc.jwt import ClaimsOption, JWTClaimsRegistry

from acl import ReaderClaims
from service.tokens.config import TokenConfig
from vocabulary.errors import NotAuthenticated

LEEWAY_S = 60  # clocks of issuer and service may differ by this much


def claims_registry(*, issuer: str, audience: str | None, clock: Callable[[], datetime]) -> JWTClaimsRegistry:
    """Build the check of issuer, times and, where there is one, audience: each of them must be there."""
    required: dict[str, ClaimsOption] = {"iss": {"essential": True, "value": issuer}, "exp": {"essential": True}}
    if audience is not None:
        required["aud"] = {"essential": True, "value": audience}
    return JWTClaimsRegistry(now=lambda: int(clock().timestamp()), leeway=LEEWAY_S, **required)


def check_claims(claims: Mapping[str, Any], registry: JWTClaimsRegistry) -> None:
    """Let only those claims pass that hold now and here.

    Raises:
        NotAuthenticated: they do not.
    """
    try:
        registry.validate(dict(claims))
    except ExpiredTokenError:
        raise NotAuthenticated("the token has expired", reason="expired") from None
    except MissingClaimError:
        required = ", ".join(sorted(registry.essential_keys))
        raise NotAuthenticated(f"the token lacks a claim: {required} are required", reason="claims") from None
    except ClaimError as error:
        raise NotAuthenticated(f"the token's claim {error.claim!r} is not acceptable", reason="claims") from None


def reader_of(claims: Mapping[str, Any], config: TokenConfig) -> ReaderClaims:
    """Take the reader's name and groups from claims that were checked.

    Raises:
        NotAuthenticated: a name is missing or is none, or the issuer did not verify the e-mail address.
    """
    user = claims.get(config.user_claim)
    if not _is_name(user):
        raise NotAuthenticated("the token names no user", reason="user")
    # some issuers write it as text; without the claim, the issuer's other means of verifying are trusted
    if config.user_claim == "email" and claims.get("email_verified", True) not in (True, "true"):
        raise NotAuthenticated("the token's e-mail address is not verified", reason="address")
    return ReaderClaims(user=user, groups=_groups(claims, config.groups_claim), issuer=config.issuer)


def _groups(claims: Mapping[str, Any], claim: str | None) -> tuple[str, ...]:
    """The token's groups, each once; a single name stands for a list of one.

    A token without the claim is of somebody in no group, unless it says that the groups are to be had elsewhere: then a
    denial of one of them would not hold. Source: OpenID Connect Core 1.0 §5.6.2; Microsoft's groups overage claim.
    """
    if claim is None:
        return ()
    elsewhere = claims.get("_claim_names", {})
    if not isinstance(elsewhere, Mapping) or claim in elsewhere or claims.get("hasgroups", False) is not False:
        raise NotAuthenticated("the token leaves out the groups", reason="groups")
    value = claims.get(claim, [])
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(_is_name(name) for name in names):
        raise NotAuthenticated("the token's groups cannot be read", reason="groups")
    return tuple(dict.fromkeys(names))


def _is_name(value: object) -> TypeGuard[str]:
    """Text that a directory could hold: neither control characters nor halves of characters."""
    return isinstance(value, str) and bool(value) and not any(unicodedata.category(c) in {"Cc", "Cs"} for c in value)
