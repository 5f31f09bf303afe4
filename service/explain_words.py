"""An explanation of access in sentences that an operator can pass on: pure, the same on the terminal and in the API."""

from __future__ import annotations

from collections.abc import Sequence

from acl import AccessChange, AccessExplanation, Change, ConcerningEntry, Effect, Ground, MatchOutcome, Measure, Remedy
from acl import SourceMatch as Match
from indexer.state.holds import Decision, Hold
from indexer.tombstones import DELETE_BRAKE, NOT_MET
from service.explaining import DocumentStanding, Explanation, Presence
from vocabulary.access import Principal, PrincipalKind
from vocabulary.documents import DocumentState

_PERMISSIONS_UNREADABLE, _NOT_PUBLIC, _NOT_IN_INDEX = "permissions-unreadable", "not-public", "not-in-index"

_ALLOWED_SHOWN = 3  # of those whom a list allows; one sentence should stay readable

_WHY_HIDDEN = {
    _PERMISSIONS_UNREADABLE: "the source did not let the crawler read who may read it",
    DELETE_BRAKE: "a run did not find it at the source any more, and the deletion brake holds back more deletions than "
    "it allows: it is hidden until somebody confirms them, or a run finds it again",
    NOT_MET: "a permissions sync did not meet it where it was: nobody can say who may read it, until a full or changes "
    "sync decides",
}
_WHY_ABSENT = {
    _NOT_PUBLIC: "its list does not admit everybody, or denies somebody: a public index does not hold it",
    _PERMISSIONS_UNREADABLE: "the source did not let the crawler read who may read it",
    _NOT_IN_INDEX: "only a permissions sync has met it, which reads no content: a full sync brings it",
}


def verdict(explanation: Explanation) -> str:
    """Say in one sentence whether the reader finds the document, and why."""
    document = explanation.document
    if document.presence is Presence.UNKNOWN:
        return (
            "nobody finds it: no run has met such a document; it is outside the source's scope, or gone, or its id is "
            "spelled differently"
        )
    if document.presence is Presence.ABSENT:
        return f"nobody finds it: it is not in the index, because {_why_absent(document)}"
    if document.presence is Presence.WITHHELD:
        return f"nobody finds anything in index {document.index}: {document.reason}"
    if document.presence is Presence.HIDDEN:
        return f"nobody finds it: it is hidden, because {_why_hidden(document)}"
    if explanation.reader is None:
        return _public_verdict(explanation.access)
    return f"{explanation.reader.user} {_verdict_on(explanation.access, document)}"


def remedies(explanation: Explanation) -> list[tuple[Remedy, str]]:
    """Say what would change the answer, each by itself; where no decision can be tried, in words alone."""
    document, source = explanation.document, explanation.document.document_id.source
    if document.presence is Presence.HIDDEN:
        return [((), words) for words in _ways_out_of_hiding(document)]
    if document.presence is Presence.WITHHELD:
        return [((), words) for words in _ways_to_an_answer(document)]
    if document.presence is not Presence.SHOWN:
        return [((), words) for words in _ways_into_the_index(document)]
    if not explanation.access.remedies:
        return [((), f"correct what the identity mappings say of {explanation.user}")]
    return [(remedy, spelled_remedy(remedy, source)) for remedy in explanation.access.remedies]


def spelled_remedy(remedy: Remedy, source: str) -> str:
    """Spell the changes of one remedy as something to do."""
    return ", and ".join(_spelled_change(change, source) for change in remedy)


def named(principal: Principal, source: str) -> str:
    """Name a principal as people speak of it; of another source or issuer, with its scope."""
    elsewhere = "" if principal.scope == source else f" of {principal.scope}"
    match principal.kind:
        case PrincipalKind.USER:
            return f"{principal.id}{elsewhere}"
        case PrincipalKind.GROUP:
            return f"group {principal.id}{elsewhere}"
        case PrincipalKind.EVERYONE:
            return f"everyone{elsewhere}"
        case PrincipalKind.ADMINISTRATORS:
            return f"administrators{elsewhere}"


def chain(entry: ConcerningEntry) -> str:
    """Spell the groups that lead from the person to an entry: `ann → TEAM → STAFF`; empty where none do."""
    begin = [] if entry.adopted is None else ["token", entry.adopted.id]
    if entry.chain:
        begin = begin or [entry.chain[0].member.id]
    return " → ".join([*begin, *(step.group.id for step in entry.chain)])


def matched(match: Match) -> str:
    """Say whom a source takes the reader for, or why for nobody."""
    who = ", ".join(_person(stored.person.principal, enabled=stored.person.enabled) for stored in match.people)
    if match.match.outcome is MatchOutcome.UNKNOWN:
        return f"nobody there has this {_field(match)}"
    if match.match.outcome is MatchOutcome.AMBIGUOUS:
        return f"{len(match.people)} people have this {_field(match)}, so it means nobody: {who}"
    if match.match.outcome is MatchOutcome.DISABLED:
        return f"{who}: counts as nobody"
    person = match.match.person
    if person is None:
        return str(match.match.outcome)
    traits = {
        "mapped by an operator": match.mapped is not None,
        "administrator": person.is_administrator,
        "guest": person.is_guest,
    }
    kinds = [word for word, has_it in traits.items() if has_it]
    return " ".join([f"{person.principal.id} ({person.display_name})", *(f"[{kind}]" for kind in kinds)])


def effect(entry: ConcerningEntry) -> str:
    """Say what an entry does, or will do."""
    return {
        Effect.ALLOW: "allows",
        Effect.DENY: "denies",
        Effect.ALLOW_LATER: "will allow",
        Effect.DENY_NO_LONGER: "will deny no longer",
    }[entry.effect]


def _verdict_on(access: AccessExplanation, document: DocumentStanding) -> str:
    source = document.document_id.source
    match access.ground:
        case Ground.ADMINISTRATOR:
            return f"finds it as an administrator of {source}, whatever its list says"
        case Ground.ALLOWED:
            return f"finds it: its list allows {_entry(access.deciding, source)}"
        case Ground.OWNER:
            return "finds it as its owner: nothing in its list denies it to them"
        case Ground.DENIED:
            return f"does not find it: its list denies {_entry(access.deciding, source)}, and a denial beats all else"
        case Ground.UNKNOWN_READER:
            return f"does not find it, nor anything else of {source}: {_unknown(access.matches[0])}"
        case Ground.NO_READABLE_ACL:
            return "does not find it, nor does anybody: its list is not in the state store"
        case Ground.NOTHING_MATCHED:
            return f"does not find it: {_nothing_matched(access, source)}"


def _public_verdict(access: AccessExplanation) -> str:
    if access.allowed:
        return "everybody finds it, without a token: its list allows everyone and denies nobody"
    if access.ground is Ground.DENIED:
        return "nobody finds it in a public index: its list denies somebody, and nobody says who asks"
    return "nobody finds it in a public index: its list does not allow everyone"


def _entry(entry: ConcerningEntry | None, source: str) -> str:
    if entry is None:
        return "them"
    if chain(entry):
        return f"{named(entry.principal, source)}, to which they belong ({chain(entry)})"
    return named(entry.principal, source)


def _unknown(match: Match) -> str:
    if match.match.outcome is MatchOutcome.DISABLED:
        return f"they are disabled there ({matched(match)})"
    return matched(match)


def _nothing_matched(access: AccessExplanation, source: str) -> str:
    allowed = [] if access.acl is None else sorted(access.acl.in_force.allow)
    owner = "it has no owner" if access.owner is None else f"its owner is {named(access.owner, source)}"
    if not allowed:
        told = f"its list allows nobody, and {owner}"
    else:
        shown = ", ".join(named(entry, source) for entry in allowed[:_ALLOWED_SHOWN])
        more = f" and {len(allowed) - _ALLOWED_SHOWN} more" if len(allowed) > _ALLOWED_SHOWN else ""
        told = f"its list allows {shown}{more}, which is neither them nor a group of theirs, and {owner}"
    if not access.waiting:
        return told
    return f"{told}; the list was changed in their favour, and gives that when a sync that reads permissions completes"


def _why_hidden(document: DocumentStanding) -> str:
    if document.hold is not None:
        return _why_held(document.hold)
    if document.reason in _WHY_HIDDEN:
        return _WHY_HIDDEN[document.reason]
    if document.state is DocumentState.FAILED and document.reason:
        return f"it could not be read again ({document.reason}), so nobody can say who may read it now"
    return "no run has read who may read it since the index was found to be of another time than the state store"


def _why_held(hold: Hold) -> str:
    found = f"a sentence in it was scored {hold.score_0_1:.2f} ({hold.category}) by {hold.model}"
    match hold.decision:
        case Decision.KEPT:
            return f"{found}, and {hold.decided_by} has decided to keep it hidden until its text changes"
        case Decision.RELEASED:
            return f"{found}; {hold.decided_by} has released it, which takes effect with the next run of its source"
    return f"{found}: its source's rule holds it back, and it waits for a review"


def _why_absent(document: DocumentStanding) -> str:
    if document.reason in _WHY_ABSENT:
        return _WHY_ABSENT[document.reason]
    match document.state:
        case DocumentState.DELETED:
            return "it is gone at the source, or has left what is indexed of it"
        case DocumentState.FILTERED:
            return f"the source's settings leave it out ({document.reason})"
        case DocumentState.FAILED:
            return f"it could not be read ({document.reason or 'for no reason that was noted'})"
        case _:
            return "a run was interrupted before it was written"


def _ways_out_of_hiding(document: DocumentStanding) -> list[str]:
    if document.hold is not None and document.hold.decision is not Decision.RELEASED:
        return [f"review it: sightline review show {document.document_id}, then release or keep it"]
    if document.reason == DELETE_BRAKE:
        return [
            "if it is still there: let the crawler see it at the source again, then sync in full",
            "if it is really gone: sync with --confirm-deletes, which deletes it",
        ]
    if document.reason == NOT_MET:
        return ["a full or changes sync that completes: it shows the document where it is now, or deletes it"]
    if document.reason == _PERMISSIONS_UNREADABLE:
        return [
            "let the crawler's account read the permissions at the source, then sync: its list decides from then on"
        ]
    return ["a full or permissions sync that completes, and reads who may read it"]


def _ways_into_the_index(document: DocumentStanding) -> list[str]:
    match document.state:
        case None:
            return ["compare the id with the source's own, and the source's scope and rules in the settings"]
        case DocumentState.FILTERED if document.reason != _NOT_IN_INDEX:
            return ["change the source's scope or rules in the settings, then sync in full"]
        case DocumentState.HIDDEN if document.reason == _NOT_PUBLIC:
            return [
                "allow everyone and deny nobody at the source, then sync; or let the source feed an index with tokens"
            ]
        case DocumentState.FAILED if document.retry_at is None:
            return ["a new version of its content at the source: it is not read again before"]
        case DocumentState.FAILED:
            return [
                f"a sync after {document.retry_at:%Y-%m-%d %H:%M} UTC reads it again, if what it failed of is mended"
            ]
        case DocumentState.DELETED:
            return ["put it back into the source's scope, then sync"]
        case _:
            return ["a full sync that completes"]


def _spelled_change(change: Change, source: str) -> str:
    who = "" if change.principal is None else named(change.principal, source)
    group = "" if change.group is None else named(change.group, source)
    return {
        Measure.GRANT: "let a sync that reads all permissions (full or permissions) complete: what waits is given then",
        Measure.READ_PERMISSIONS: "let the crawler's account read the permissions at the source",
        Measure.ALLOW: f"allow {who} at the source",
        Measure.DENY: f"deny {who} at the source",
        Measure.LIFT_DENIAL: f"remove the denial of {who} at the source",
        Measure.TAKE_ALLOWANCE: f"remove the allowance of {who} at the source",
        Measure.JOIN: f"make {who} a member of {group}",
        Measure.LEAVE: f"take {who} out of {group}",
        Measure.DISOWN: f"give the document another owner than {who}",
        Measure.DEMOTE: f"let {who} be no administrator of {source}",
        Measure.KNOW: f"let {source} list the person {who}, or map the reader to somebody whom it lists",
        Measure.ENABLE: f"enable {who} at the source",
        Measure.TELL_APART: f"let nobody but {who} have this name at the source, or map the reader to {who}",
    }[change.measure]


def _person(principal: Principal, *, enabled: bool) -> str:
    return principal.id if enabled else f"{principal.id} (disabled)"


def _field(match: Match) -> str:
    return {"email": "e-mail address", "username": "user name"}[match.match_user_by]


def facts(access: AccessExplanation) -> Sequence[tuple[str, AccessChange | None]]:
    """The people and memberships that the decision rests on, each with the change that brought it."""
    told = [
        (f"{match.source}: {_person(each.person.principal, enabled=each.person.enabled)}", each.brought_by)
        for match in access.matches
        for each in match.people
    ]
    told += [
        (f"{step.member.id} is in {step.group.id}", step.brought_by) for entry in access.entries for step in entry.chain
    ]
    return list(dict.fromkeys(told))


def _ways_to_an_answer(document: DocumentStanding) -> Sequence[str]:
    return (
        f"sync {document.document_id.source}, in full or its permissions: a run reads again who may read what",
        f"where another state store filled index {document.index}: put that one back, or have the index built anew",
    )
