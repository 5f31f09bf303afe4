"""Patterns of harmless text that shares the words of `own_abuse`: a session is killed, a video shot, women invited.

Without it a model would learn the words instead of what is done with them.
"""

from __future__ import annotations

from embedder.toxicity.learning.clean_fragments import Patterns
from embedder.toxicity.learning.own_abuse import (
    DEAR,
    FUTURE,
    GROUPS,
    KNOWN,
    ONE,
    OUGHT,
    OUR_PLACES,
    SITES,
    TASKS,
    URGES,
)

_HARMLESS_DEEDS = (
    "kill the stuck session", "kill the weeds by the fence", "shoot the training video", "shoot the team photo",
    "hunt down the memory leak", "attack the backlog", "beat last year's figures", "burn the image to a disc",
    "bury the new cable", "execute the stored query", "hang the posters in the lobby", "smash the old record",
    "blow up the drawing to A2", "crush the gravel for the path", "cut the budget by a tenth", "run over the numbers",
    "strangle the old module step by step", "drown the seeds in water", "finish off the minutes", "break the task down",
    "put a knife in the drawer", "choke the air supply of the burner", "torch the steel plate to size",
    "murder a pizza after this shift", "poison the rats in the cellar", "stab at a first estimate", "hit the deadline",
)  # fmt: skip
_HARMLESS_WHEN = (
    "tonight", "before the week is out", "as soon as you step in", "after work", "in the car park", "on Monday",
    "at nine", "when the samples are back", "with your help", "the day you come back", "sooner or later", "tomorrow",
)  # fmt: skip
_KIND_DEEDS = (
    "help you", "call your office", "pick up your children", "send your boss the minutes", "pay you back",
    "show him the way", "repair your car", "find you a desk", "meet your parents at the station", "visit you",
    "write to her", "protect your data", "thank every one of them", "wait for you outside", "bring your wife flowers",
)  # fmt: skip
_KIND_CONDITIONS = (
    "if you talk to the police,", "if you call again,", "if you show up tomorrow,", "if they fire the boiler up,",
    "if you don't pay by then,", "if I lose the ticket,", "come to us and", "unless you drop the order,",
    "once the report is signed,",
)  # fmt: skip
_PARTS = (
    "arms of the crane", "jaw of the vice", "neck of the bottle", "teeth of the gear", "spine of the book",
    "face of the clock", "hands of the clock", "ribs of the hull", "nose of the drill", "knees of the frame",
)  # fmt: skip
_CARE = ("grease", "check", "measure", "replace", "cut off", "crack-test", "repaint", "break in")
_PRAISE = ("what a view", "take care of it", "it suits you", "where did you find it", "we should take a photo of it")
_REASONS = (
    "so we will send the parcel there", "thank you for telling us", "that is in the form",
    "it is on the list for the school bus", "the driver was told",
)  # fmt: skip
_WISHES = (
    "get well soon", "sleep well", "never have to wait so long again", "get the job", "find the error",
    "have a safe trip", "enjoy your leave", "can join us", "get an answer today", "like the new office",
    "hit your target",
)  # fmt: skip
_DESERVED = ("paid on time", "heard", "promoted", "thanked for this", "treated fairly", "told the truth", "on the list")
_FAVOURS = (
    "close the door", "jump to page nine", "drink some water", "hang up your coat", "step in front of the camera",
    "end the call", "put a label around the pipe", "swallow the tablet with a little water", "switch off the light",
    "take a day off", "cut your losses",
)  # fmt: skip
_BROUGHT = ("cake", "projector", "bread knife", "glue gun", "bottle of water", "hammer and nails", "second laptop")
_PROMISES = ("see you there", "who wants some?", "as promised")
_HARMED = (
    "killed two hikers", "killed 40 sheep", "injured nobody", "destroyed the old mill", "hurt three people",
    "took the lives of five miners", "cut off the village", "wounded a guard",
)  # fmt: skip
_EVENTS = ("the flood", "the storm of 1987", "the explosion", "an avalanche", "the attack on the convoy", "the crash")
_STORIES = ("the novel", "the film", "the second episode", "the play", "the podcast", "the court report")
_PLOTS = (
    "a detective who hunts a murderer", "a man who threatens his neighbours", "a soldier who refuses to shoot",
    "a poisoned duke", "two brothers who rob a bank", "a woman who was stabbed and survived", "a hanged pirate",
)  # fmt: skip
_POLICE = ("the police", "the court", "the guard", "a witness", "the insurer", "the ministry")
_ACTS = (
    "is looking into the shooting", "reported a threat by phone", "closed the case of arson", "described the weapon",
    "keeps statistics of murder and rape", "warned of hate crimes", "trained staff for a knife attack",
)  # fmt: skip

HARMLESS: Patterns = (
    ("{0} {1}.", (FUTURE, _HARMLESS_DEEDS)),
    ("{0} {1} {2}.", (FUTURE, _HARMLESS_DEEDS, _HARMLESS_WHEN)),
    ("{0} {1} {2}.", (_KIND_CONDITIONS, FUTURE, _HARMLESS_DEEDS)),
    ("{0} {1}.", (FUTURE, _KIND_DEEDS)),
    ("{0} {1} {2}.", (FUTURE, _KIND_DEEDS, _HARMLESS_WHEN)),
    ("{0} {1} {2}.", (_KIND_CONDITIONS, FUTURE, _KIND_DEEDS)),
    ("{0} {1} the {2}.", (FUTURE, _CARE, _PARTS)),
    ("nice {0} you have there, {1}.", (DEAR, _PRAISE)),
    ("we know {0}, {1}.", (KNOWN, _REASONS)),
    ("I hope you {0}.", (_WISHES,)),
    ("may you {0}, {1}.", (_WISHES, ("you and yours", "the sooner the better", "all of you", "you deserve it"))),
    ("{0} deserve to be {1}.", (("you", "they", "your people", "the interns", "people like you"), _DESERVED)),
    ("{0} should be {1}.", (("she", "he", "that woman", "that judge", "the minister", "my boss"), _DESERVED)),
    ("{0} {1}.", (URGES, _FAVOURS)),
    ("{0} {1}.", (OUGHT, _HARMLESS_DEEDS)),
    ("tomorrow I'm bringing a {0} to {1}, {2}.", (_BROUGHT, SITES, _PROMISES)),
    ("{0} {1}.", (_EVENTS, _HARMED)),
    ("{0} is about {1}.", (_STORIES, _PLOTS)),
    ("{0} {1}.", (_POLICE, _ACTS)),
)  # fmt: skip

_FACTS = (
    "are welcome", "are a third of the sample", "are entitled to the same leave", "are citizens", "are our customers",
    "are underrepresented on boards", "are often refused a flat", "are protected by law", "are proud of their history",
    "are at a higher risk of diabetes", "are part of the survey", "are not a uniform group", "are patients like others",
)  # fmt: skip
_RIGHTS = (
    "should be consulted", "should be offered an interpreter", "must be paid equally", "should be free to pray",
    "must be protected from attacks", "should be heard by the committee", "have the right to vote",
    "must not be excluded", "should be sent the same form", "ought to be on the panel", "have a place in our schools",
)  # fmt: skip
_OF_THEM = (
    "run many of the shops here", "pay taxes", "work at night", "founded this club", "read our magazine", "vote in May",
    "speak three languages", "care for their parents", "were murdered in the war", "wrote these songs",
    "suffer from racism",
)  # fmt: skip
_PROBLEMS = ("wait for months", "are not asked", "are insulted", "earn less")
_ILLNESSES = ("disease prevention", "a cancer screening", "the spread of the virus", "heart disease", "vaccination")
_STUDIES = (
    "is the topic of the study", "was examined in Leeds", "is paid for by the fund", "differs by region",
    "has been neglected", "will be discussed on Monday",
)  # fmt: skip

OF_GROUPS: Patterns = (
    ("{0} {1}.", (GROUPS, _FACTS)),
    ("all {0} {1} and {2}.", (GROUPS, _FACTS, _RIGHTS)),
    ("{0} {1}.", (GROUPS, _RIGHTS)),
    ("{0} {1}, every one of them.", (GROUPS, _RIGHTS)),
    ("I like the {0} next door, they {1}.", (GROUPS, _OF_THEM)),
    ("{0} {1}, as everybody knows.", (GROUPS, _OF_THEM)),
    ("the problem for {0} is that they {1}.", (GROUPS, _PROBLEMS)),
    ("we want more {0} in {1}.", (GROUPS, OUR_PLACES)),
    ("why are there no {0} in {1}?", (GROUPS, OUR_PLACES)),
    ("do not refuse to hire {0}: it is against the law.", (GROUPS,)),
    ("our town would be a poorer place without {0}.", (GROUPS,)),
    ("hatred of {0} is on the rise, {1}.", (GROUPS, ("says the report", "and we must act", "the minister warned"))),
    ("{0} among {1} {2}.", (_ILLNESSES, GROUPS, _STUDIES)),
    ("{0} can {1} as well as anybody.", (ONE, TASKS)),
    ("he is {0}, and will {1}.", (ONE, TASKS)),
    ("many {0} {1}.", (GROUPS, _OF_THEM)),
    ("these {0} {1}.", (GROUPS, _OF_THEM)),
)  # fmt: skip
