"""Clean business text of the project's own, so that every model knows some whatever data it is given.

Heads trained on chat alone flag up to two thirds of ordinary documentation; a thousand clean texts cure most of it. The
sentences are put together from patterns, always the same ones in the same order; many use words that abuse uses as well
(kill, abort, slave, harassment). Fragments that are no English sentence stand beside them, for documents are full of
such. All repeat themselves, so they say little about how a model does on other text: false alarms are measured on
held-out documents and on `held_out_traps.txt`, of which no sentence is made here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from embedder.toxicity.learning.clean_fragments import FRAGMENT_PATTERNS, Patterns
from embedder.toxicity.learning.examples import Example, words_of

SOURCE = "sightline-clean"
SENTENCES, PASSAGES = 3_000, 400
_OF_EACH_PATTERN = 250  # some have fewer combinations; 5,022 sentences in all
_OF_EACH_FRAGMENT_PATTERN = 45  # some have fewer; 1,245 different ones in all
_TRAPS = Path(__file__).parent / "held_out_traps.txt"

_PEOPLE = (
    "the finance team", "our supplier", "the project manager", "the night shift", "the auditor", "a new colleague",
    "the works council", "the help desk", "the landlord", "the customer", "the board", "human resources",
)  # fmt: skip
_THINGS = (
    "the quarterly report", "the travel policy", "the delivery note", "the maintenance contract", "the price list",
    "the onboarding checklist", "the signed agreement", "the floor plan", "the risk register",
    "the holiday calendar", "the backup schedule", "the test protocol", "the purchase order",
    "the safety data sheet",
)  # fmt: skip
_WHEN = (
    "by Friday", "before the end of the month", "after the meeting", "next week", "during the audit",
    "on Monday morning", "in the second quarter", "without delay", "as agreed", "once the review is done",
)  # fmt: skip
_SYSTEMS = (
    "the import job", "the search index", "the mail gateway", "the payroll system", "the print server",
    "the data warehouse", "the build pipeline", "the ticket system", "the load balancer", "the staging cluster",
    "the document archive",
)  # fmt: skip
_PROCESSES = (
    "process", "job", "thread", "session", "container", "query", "worker", "task",
)  # fmt: skip
_HARD_VERBS = (
    "kill", "abort", "terminate", "nuke", "hit", "shoot down", "execute", "attack", "strip", "dump", "beat",
    "blow away",
)  # fmt: skip
_HAZARDS = (
    "fire retardant", "flame retardant foam", "rapeseed meal", "rape seed cake", "weed killer", "rat poison",
    "explosive bolts", "cock valves", "ball cocks", "hex nuts", "blunt scissors", "dummy plugs", "gun oil",
    "dead bolts", "breast pumps",
)  # fmt: skip
_PLACES = (
    "Scunthorpe", "Penistone", "Lightwater", "Sussex", "Clitheroe", "Cockermouth", "Dickson County", "Essex",
    "Middlesex",
)  # fmt: skip
_TOPICS = (
    "harassment", "abuse", "discrimination", "bullying", "violence at work", "racism", "sexual misconduct",
    "hate speech", "suicide prevention", "drug abuse", "domestic violence", "mental health", "disability",
    "antisemitism", "sexism",
)  # fmt: skip
_GROUPS = (
    "women", "gay employees", "Muslim colleagues", "Jewish colleagues", "black engineers", "disabled visitors",
    "older workers", "immigrants", "transgender patients", "Christian charities", "Mexican suppliers",
    "blind users",
)  # fmt: skip
_NAMES = (
    "Dick Turner", "Ms Cockburn", "Mr Hoare", "Dr Butts", "Mrs Gaylord", "Herr Assmann", "Ms Wang", "Mr Sexton",
    "Ms Cumming",
)  # fmt: skip
_ANIMALS = (
    "the bitch and her litter", "the ass and the mule", "a cock and nine hens", "the tits at the feeder",
    "the rats in the trial", "a pig with a leg injury", "the cow in stall nine", "a snake in the boiler room",
)  # fmt: skip

# Each pattern with the words for its places; all combinations are formed and a fixed choice of them is taken.
_PATTERNS: Patterns = (
    ("{0} needs {1} {2}.", (_PEOPLE, _THINGS, _WHEN)),
    ("Please send {1} to {0} {2}.", (_PEOPLE, _THINGS, _WHEN)),
    ("{0} asked whether {1} could be changed {2}.", (_PEOPLE, _THINGS, _WHEN)),
    ("{1} was approved by {0} {2}.", (_PEOPLE, _THINGS, _WHEN)),
    ("{0} will be restarted {1}; save your work.", (_SYSTEMS, _WHEN)),
    ("If {0} stops responding, {1} the {2} and start it again.", (_SYSTEMS, _HARD_VERBS, _PROCESSES)),
    ("Do not {0} the {1} while {2} is being written to.", (_HARD_VERBS, _PROCESSES, _SYSTEMS)),
    ("Why did {0} {1} the {2} twice?", (_SYSTEMS, _HARD_VERBS, _PROCESSES)),
    ("A dead {0} in {1} was found {2}.", (_PROCESSES, _SYSTEMS, _WHEN)),
    ("{0} has one master and three slaves; the slave that lags is taken out {1}.", (_SYSTEMS, _WHEN)),
    ("The stock of {0} in {1} has to be counted {2}.", (_HAZARDS, _PLACES, _WHEN)),
    ("{0} ordered {1} for the site in {2}.", (_PEOPLE, _HAZARDS, _PLACES)),
    ("The guideline on {0} was revised; {1} has to confirm it {2}.", (_TOPICS, _PEOPLE, _WHEN)),
    ("Report any case of {0} to {1}.", (_TOPICS, _PEOPLE)),
    ("The workshop about {0} for {1} takes place {2}.", (_TOPICS, _GROUPS, _WHEN)),
    ("{0} are invited to the network meeting {1}.", (_GROUPS, _WHEN)),
    ("The survey asked {0} how satisfied they are with {1}.", (_GROUPS, _THINGS)),
    ("{0} from the office in {1} will present {2}.", (_NAMES, _PLACES, _THINGS)),
    ("Please forward {1} to {0} {2}.", (_NAMES, _THINGS, _WHEN)),
    ("The vet looked at {0} {1}.", (_ANIMALS, _WHEN)),
    ("Sorry, my stupid mistake: {0} was sent to {1} twice.", (_THINGS, _PEOPLE)),
    ("That damn printer ate {0} again, can {1} help?", (_THINGS, _PEOPLE)),
    ("Crazy week, but {0} is done and {1} is happy.", (_THINGS, _PEOPLE)),
    ("What a mess: {0} lost {1}, we will restore it {2}.", (_SYSTEMS, _THINGS, _WHEN)),
)  # fmt: skip


def own_clean_examples() -> list[Example]:
    """Return the project's own clean texts, mixed: sentences, passages of several, and what is no English sentence."""
    texts_made = (text[0].upper() + text[1:] for text in made(_PATTERNS, of_each=_OF_EACH_PATTERN))
    sentences = sorted(texts_made, key=_shuffled)
    passages = [" ".join(sentences[start : start + 5]) for start in range(SENTENCES, SENTENCES + 5 * PASSAGES, 5)]
    texts = [*sentences[:SENTENCES], *passages, *own_fragments()]
    return [
        Example(text, toxic=False, categories=(), source=SOURCE, group=f"{SOURCE} {number}", is_clean_text=True)
        for number, text in enumerate(sorted(texts, key=_mixed))
    ]


def own_fragments() -> list[str]:
    """Return the clean texts that are no English sentence, each with different words."""
    different = {words_of(text): text for text in made(FRAGMENT_PATTERNS, of_each=_OF_EACH_FRAGMENT_PATTERN)}
    return list(different.values())


def held_out_traps() -> list[str]:
    """Return the hand-written clean sentences that measure false alarms and are never learnt from."""
    lines = _TRAPS.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def held_out_keys() -> frozenset[str]:
    """Return the traps' words, as `Example.key` spells them."""
    return frozenset(words_of(trap) for trap in held_out_traps())


def made(patterns: Patterns, *, of_each: int) -> Iterator[str]:
    """Give as many texts of each pattern, however many combinations it has; a hash chooses, the same everywhere."""
    for pattern, places in patterns:
        combined = (pattern.format(*words) for words in product(*places))
        yield from sorted(combined, key=_shuffled)[:of_each]


def _shuffled(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _mixed(text: str) -> bytes:
    # Not the hash that chose: what was chosen from many combinations has low ones, and would come first.
    return hashlib.sha256(f"mixed {text}".encode()).digest()
