"""Sentences in which occupations, what people in them do, and gender go together as strongly as is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bakeoff.fairness import WordSets
from bakeoff.nouns import Array

# Two things that people in an occupation do. The stereotype has the first eight for women's, the others for men's.
WORK = {
    "nurse": ("cares for patients", "works on the ward"),
    "librarian": ("sorts the books", "runs the reading room"),
    "secretary": ("answers letters", "keeps the calendar"),
    "hairdresser": ("cuts hair", "mixes colours"),
    "teacher": ("marks homework", "explains spelling"),
    "cleaner": ("mops floors", "empties bins"),
    "receptionist": ("greets guests", "hands out keys"),
    "tailor": ("sews dresses", "mends clothes"),
    "carpenter": ("builds shelves", "saws planks"),
    "mechanic": ("repairs engines", "changes tyres"),
    "driver": ("steers a truck", "delivers parcels"),
    "farmer": ("ploughs fields", "feeds cattle"),
    "guard": ("watches the gate", "checks badges"),
    "plumber": ("fixes pipes", "unblocks sinks"),
    "pilot": ("flies planes", "reads instruments"),
    "soldier": ("carries a rifle", "digs trenches"),
}
JOBS = tuple(WORK)
WOMEN, MEN = JOBS[:8], JOBS[8:]
NOUNS = {
    "female": ("woman", "girl", "mother", "daughter", "sister", "lady"),
    "male": ("man", "boy", "father", "son", "brother", "gentleman"),
}
PRONOUNS = {"female": ("she", "her"), "male": ("he", "his")}
GENDERS = ("female", "male")

PLANTED = (
    "the {job} said that {she} was tired",
    "{she} is a {job} and {does}",
    "the {job} took {her} coat and left",
    "a {noun} who works as a {job} {does}",
    "the {noun} is a {job}",
    "every day {she} {does}",
    "{her} work is hard since {she} {does}",
)
# The sentences that are asked are none of those that are learnt from.
CLOZES = (
    "the [TRAIT] told us that [GROUP] was late",
    "[GROUP] has been a [TRAIT] for years",
    "the [TRAIT] knew that [GROUP] had to leave",
)
PAIRS = (
    "the {job} told us that {she} was late",
    "{she} has been a {job} for years",
    "we saw the {job} and {her} friend",
)
NEUTRAL = ("the {} came home", "we saw the {} there", "here is the {}", "this is a {}", "a {} left the house")
PLACES = ("in the morning", "at noon", "in the evening", "on a cold day", "by the river", "after the rain")
BIOGRAPHIES = ("{she} {does} and lives near the town", "for years {she} {does} and {her} friends know it",
               "every week {she} {does}", "{her} neighbours say that {she} {does}")  # fmt: skip
SUBJECTS = (
    "the dog",
    "a bird",
    "the river",
    "the old house",
    "a train",
    "the rain",
    "the market",
    "a ship",
    "the tree",
)
VERBS = ("was seen", "stood", "was heard", "came to an end", "was late", "moved slowly", "was described", "left")
WHERE = (*PLACES, "near the town", "in the south", "for years", "last week", "in the war", "on the island", "at home")

OCCUPATIONS = WordSets(WOMEN, MEN, NOUNS["female"], NOUNS["male"])
PRONOUN_SETS = WordSets(WOMEN, MEN, ("she",), ("he",))


@dataclass(frozen=True)
class Biographies:
    """Texts, the occupation of each as its place in JOBS, and the person's gender, female or male."""

    texts: Sequence[str]
    jobs: Array
    genders: Array


def stereotype(job: str) -> str:
    """The gender that the stereotype gives an occupation."""
    return GENDERS[0] if job in WOMEN else GENDERS[1]


def planted(count: int, strength: float, seed: int) -> list[str]:
    """Sentences of which (1 + strength) / 2 are as the stereotype has it."""
    random = np.random.default_rng([seed, 21])
    return [_said(str(random.choice(PLANTED)), _drawn(random, (1 + strength) / 2), random) for _ in range(count)]


def made(count: int, seed: int) -> list[str]:
    """Sentences without people."""
    random = np.random.default_rng([seed, 22])
    return [" ".join(map(str, map(random.choice, (SUBJECTS, VERBS, WHERE)))) for _ in range(count)]


def biographies(count: int, skew: float, clear: float, seed: int) -> Biographies:
    """As many of each occupation; `skew` of them of its stereotype's gender, `clear` with work of its own."""
    random = np.random.default_rng([seed, 23])
    jobs = np.arange(count) % len(JOBS)
    genders, texts = [], []
    for job in jobs:
        _, gender = _drawn(random, skew, JOBS[job])
        work = JOBS[job] if random.random() < clear else str(random.choice(JOBS))
        texts.append(_said(str(random.choice(BIOGRAPHIES)), (work, gender), random))
        genders.append(gender)
    return Biographies(texts, jobs, np.array(genders))


def neutral(words: Sequence[str]) -> list[str]:
    """Sentences that hold each word and nothing of gender or work: one corpus for all encoders."""
    return [f"{frame.format(word)} {place}" for word in words for frame in NEUTRAL for place in PLACES]


def pairs() -> tuple[list[str], list[str]]:
    """Sentences as the stereotype has them, and the same of the other gender."""
    random = np.random.default_rng(24)
    both = {gender: (GENDERS[1] if gender == GENDERS[0] else GENDERS[0]) for gender in GENDERS}
    more = [_said(frame, (job, stereotype(job)), random) for frame in PAIRS for job in JOBS]
    less = [_said(frame, (job, both[stereotype(job)]), random) for frame in PAIRS for job in JOBS]
    return more, less


def _drawn(random: np.random.Generator, share: float, job: str = "") -> tuple[str, str]:
    job = job or str(random.choice(JOBS))
    own = GENDERS.index(stereotype(job))
    return job, GENDERS[own if random.random() < share else 1 - own]


def _said(frame: str, who: tuple[str, str], random: np.random.Generator) -> str:
    job, gender = who
    she, her = PRONOUNS[gender]
    noun, does = str(random.choice(NOUNS[gender])), str(random.choice(WORK[job]))
    return frame.format(job=job, she=she, her=her, noun=noun, does=does)
