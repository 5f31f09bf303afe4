"""Patterns of threats and of attacks on groups of people, in the project's own words; `own_files` makes texts of them.

None is quoted from anybody, and none comes from a sentence that a model is tried on.
"""

from __future__ import annotations

from embedder.toxicity.learning.clean_fragments import Patterns

FUTURE = (
    "I will", "I'll", "I am going to", "I'm gonna", "we will", "we are going to", "my brother will", "someone will",
    "I swear I will", "one day I'll", "trust me, we will", "my friends and I will", "I promise I'll",
)  # fmt: skip
_HARM = (
    "kill", "murder", "gun down", "knife", "throttle", "beat up", "hurt", "drown", "poison", "choke", "bury", "behead",
    "cripple", "run over", "slaughter", "rape", "smash", "torture", "finish off", "burn alive", "hang",
    "put a knife in",
)  # fmt: skip
_VICTIMS = (
    "you", "your wife", "your children", "that manager", "him", "her", "them all", "your whole team", "your brother",
    "everybody in your office", "your mother", "every last one of them", "your parents", "all of you", "your boss",
)  # fmt: skip
_WHEN = (
    "tonight", "before the week is out", "when you least expect it", "as soon as you step outside", "after work",
    "in the car park", "on Monday", "in your sleep", "with my own hands", "like a dog", "and nobody will help you",
    "the day you come back", "sooner or later", "in front of your house",
)  # fmt: skip
_CONDITIONS = (
    "if you talk to the police,", "call my boss again and", "if you show up tomorrow,", "if they fire me,",
    "touch my sister once more and", "if you don't pay up,", "open your mouth about this and", "if I lose this job,",
    "come near us again and", "unless you drop the charges,",
)  # fmt: skip
_BREAK = ("break", "crush", "smash", "cut off", "snap", "crack")
_BODY = ("arms", "jaw", "fingers", "neck", "skull", "ribs", "nose", "spine", "hands", "knees", "face", "teeth")
_DESTROY = ("set fire to", "burn down", "blow up", "torch", "put a bomb under", "wreck")
_PROPERTY = ("car", "flat", "shop", "office", "garage", "parents' home", "church", "school", "van", "front door")
DEAR = ("family", "car", "dog", "little boy", "face", "shop", "new house", "wife")
_PITIES = (
    "pity if it got hurt", "what a pity if it burned", "take care of it while you can", "things get broken so easily",
    "be careful or you will lose it",
)  # fmt: skip
KNOWN = (
    "which school your kids go to", "what car you drive", "when your wife comes home", "your address",
    "which bus you take", "where your parents sleep", "what time you lock up", "the way you walk home at night",
)  # fmt: skip
_WARNINGS = (
    "sleep well", "be very afraid", "you can't hide", "you won't see us coming", "start praying", "it ends in blood",
    "your time is up", "say goodbye to them", "we are waiting for you", "the police can't protect you for ever",
)  # fmt: skip
_ENDS = (
    "end up in a coffin", "end up in a ditch", "leave here in a body bag", "pay for this with your blood",
    "not live to see the spring", "lose everyone you love", "bleed for this", "be found in the river",
    "regret the day you were born when we are done with you", "not make it home", "scream for mercy",
)  # fmt: skip
_DEATHS = (
    "get cancer and rot", "choke on your food", "crash your car tonight", "never wake up again", "get hit by a train",
    "bleed to death", "get shot", "suffer and die slowly", "drop dead", "burn in hell",
)  # fmt: skip
_SENTENCES_OF_DEATH = (
    "hanged", "shot like a dog", "burned alive", "drowned", "stoned to death", "tortured", "beaten to a pulp",
    "thrown off a roof", "put down", "stabbed", "strung up",
)  # fmt: skip
_SELF_HARM = (
    "hang yourself", "jump off a bridge", "drink bleach", "slit your wrists", "end your miserable life",
    "step in front of a train", "swallow the whole bottle and die", "put a rope around your neck",
)  # fmt: skip
URGES = (
    "why don't you just", "do us all a favour and", "please", "you should", "the best you can do is to", "just",
    "nobody would miss you, so",
)  # fmt: skip
OUGHT = ("somebody ought to", "someone please", "it is time that we", "it's high time to", "I would love to")
_WEAPONS = ("gun", "knife", "rifle", "bomb", "machete", "bottle of petrol", "hammer")
SITES = ("the office", "your school", "the meeting", "the canteen", "the town hall", "your party", "the station")
_NOBODY = ("nobody walks out", "you will all pay", "and you go first", "count the bodies afterwards", "then we'll talk")

THREATS: Patterns = (
    ("{0} {1} {2}.", (FUTURE, _HARM, _VICTIMS)),
    ("{0} {1} you {2}.", (FUTURE, _HARM, _WHEN)),
    ("{0} {1} {2}, wait and see.", (FUTURE, _HARM, _VICTIMS)),
    ("{0} {1} {2} you.", (_CONDITIONS, FUTURE, _HARM)),
    ("{0} {1} {2} your kids.", (_CONDITIONS, FUTURE, _HARM)),
    ("{0} {1} your {2}.", (FUTURE, _BREAK, _BODY)),
    ("{0} I'll {1} your {2}.", (_CONDITIONS, _BREAK, _BODY)),
    ("{0} {1} your {2}.", (FUTURE, _DESTROY, _PROPERTY)),
    ("nice {0} you have there, {1}.", (DEAR, _PITIES)),
    ("we know {0}, {1}.", (KNOWN, _WARNINGS)),
    ("I know {0}. {1}.", (KNOWN, _WARNINGS)),
    ("{0} you will {1}.", (_CONDITIONS, _ENDS)),
    ("you will {0}, {1}.", (_ENDS, _WARNINGS)),
    ("I hope you {0}.", (_DEATHS,)),
    ("may you {0}, {1}.", (_DEATHS, ("you and yours", "the sooner the better", "all of you", "you deserve it"))),
    ("{0} deserve to be {1}.", (("you", "they", "you people", "your kind", "people like you"), _SENTENCES_OF_DEATH)),
    ("{0} should be {1}.", (("she", "he", "that woman", "that judge", "the minister", "my boss"), _SENTENCES_OF_DEATH)),
    ("{0} {1}.", (URGES, _SELF_HARM)),
    ("{0} {1} {2}.", (OUGHT, _HARM, _VICTIMS)),
    ("tomorrow I'm bringing a {0} to {1}, {2}.", (_WEAPONS, SITES, _NOBODY)),
)  # fmt: skip

GROUPS = (
    "Jews", "Muslims", "Arabs", "Blacks", "black people", "Asians", "the Chinese", "Indians", "Pakistanis", "Poles",
    "Turks", "Roma", "Mexicans", "Africans", "immigrants", "refugees", "foreigners", "women", "gays", "lesbians",
    "trans people", "disabled people", "old people", "Catholics", "Christians", "atheists", "white people", "Hindus",
    "homosexuals", "Latinos", "migrants", "girls",
)  # fmt: skip
_CALLED = (
    "rats", "cockroaches", "a plague", "a cancer", "scum", "filth", "leeches", "subhuman", "a virus", "pigs", "monkeys",
    "maggots", "thieves", "terrorists", "dirt", "inferior", "a curse on this country", "less than human", "liars",
    "born stupid", "the enemy within", "good for nothing",
)  # fmt: skip
_SHOULD = (
    "should be thrown out of the country", "must be sent back where they came from", "have no place here",
    "ought to be gassed", "should be exterminated", "should be kept out of our schools", "do not deserve rights",
    "should be put in camps", "must be eliminated", "should be sterilised", "should get no vote", "must disappear",
    "should be beaten in the streets", "belong behind bars",
)  # fmt: skip
_HABITS = (
    "cheat everybody", "stink", "lie all the time", "breed like rabbits", "ruin every neighbourhood", "carry germs",
    "are only after our money", "cannot be trusted", "live off our taxes", "are too dumb to read", "rob honest people",
    "destroy our culture", "rape our girls", "take our jobs and never work", "are sick in the head",
)  # fmt: skip
OUR_PLACES = ("our office", "this street", "our club", "our schools", "my team", "this country", "our building")
ONE = (
    "a woman", "a Muslim", "a black man", "an Indian", "a Jew", "a foreigner", "a gay man", "a cripple", "an Arab",
    "a Turk", "a lesbian", "a Mexican", "a refugee",
)  # fmt: skip
TASKS = (
    "run a company", "be trusted with money", "do this job", "understand engineering", "be one of us", "tell the truth",
    "think straight", "teach our children", "learn to behave",
)  # fmt: skip

ATTACKS: Patterns = (
    ("{0} are {1}.", (GROUPS, _CALLED)),
    ("{0} are nothing but {1}.", (GROUPS, _CALLED)),
    ("all {0} are {1} and {2}.", (GROUPS, _CALLED, _SHOULD)),
    ("{0} {1}.", (GROUPS, _SHOULD)),
    ("{0} {1}, every one of them.", (GROUPS, _SHOULD)),
    ("I hate {0}, they {1}.", (GROUPS, _HABITS)),
    ("{0} {1}, everybody knows that.", (GROUPS, _HABITS)),
    ("the problem with {0} is that they {1}.", (GROUPS, _HABITS)),
    ("we don't want {0} in {1}, they {2}.", (GROUPS, OUR_PLACES, _HABITS)),
    ("no more {0} in {1}!", (GROUPS, OUR_PLACES)),
    ("don't ever hire {0}: they {1}.", (GROUPS, _HABITS)),
    ("the world would be a better place without {0}.", (GROUPS,)),
    ("death to all {0}, they {1}.", (GROUPS, _HABITS)),
    ("kill all {0}.", (GROUPS,)),
    ("{0} can never {1}.", (ONE, TASKS)),
    ("of course it went wrong, {0} did it. {1} {2}.", (ONE, GROUPS, _HABITS)),
    ("what do you expect from {0}? They {1}.", (ONE, _HABITS)),
    ("get these {0} out of {1}.", (GROUPS, OUR_PLACES)),
)  # fmt: skip
