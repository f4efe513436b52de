"""Words of the made catalogue: titles and descriptions of products.

A sentence about the use belongs to one use alone, whatever words it shares with the others; all other sentences say
nothing about the product. A title names the object only when it is told to.
"""

from __future__ import annotations

import numpy as np

NOUNS = {
    "cup": ("mug", "cup", "beaker"),
    "bottle": ("bottle", "flask", "carafe"),
    "lamp": ("lamp", "light", "lantern"),
    "chair": ("chair", "stool", "seat"),
    "shirt": ("shirt", "tee", "top"),
    "bag": ("bag", "backpack", "holdall"),
}
USES = {
    "home": (
        "Made for slow evenings on the sofa.",
        "At home between the kitchen table and the window sill.",
        "Our favourite for Sundays indoors.",
        "Not for the office: it belongs in the living room.",
        "Warms up any flat, large or small.",
        "A guest in the bedroom, a friend in the hall.",
    ),
    "outdoor": (
        "Made for long days under open skies.",
        "Shrugs off rain, sand and sun.",
        "Our favourite for weekends by the lake.",
        "Too good to stay indoors: take it along.",
        "Proven on meadows, terraces and campsites.",
        "Keeps its colour through wind and weather.",
    ),
    "work": (
        "Made for long days at the desk.",
        "A quiet colleague in every meeting.",
        "Our favourite between two deadlines.",
        "Leave it at the office: it will be missed at home.",
        "Keeps up with shared rooms and early shifts.",
        "Chosen by studios, practices and workshops.",
    ),
    "children": (
        "Made for small hands and big plans.",
        "Rounded edges, tested by a whole kindergarten.",
        "Our favourite for the first day at school.",
        "No small parts: safe from three years.",
        "Survives the playground and the sandpit.",
        "Comes with stickers for brave little owners.",
    ),
}
FILLERS = (
    "Finished by hand in small numbers.",
    "Wipe clean with a damp cloth.",
    "Ships within two days.",
    "Two-year guarantee.",
    "Recycled material wherever possible.",
    "Designed in our own studio.",
    "A classic since the first collection.",
    "Smooth matt surface.",
    "Packed without plastic.",
)
WARNINGS = (
    "Runs small: please check the measurements.",
    "Larger than it looks, so measure twice.",
    "Please compare the size chart before you order.",
)
SERIES = (
    *("Alba", "Brio", "Cala", "Delta", "Elio", "Fjord", "Gala", "Halo", "Iris", "Juno", "Kite", "Luma"),
    *("Mira", "Nova", "Orla", "Pico", "Quill", "Rondo", "Sola", "Tide", "Una", "Vega", "Wren", "Zephyr"),
)


def title(brand: str, thing: str, colour: str, rng: np.random.Generator) -> str:
    """A product's title; `thing` is empty where the title doesn't say what the product is."""
    noun = f" {_one(NOUNS[thing], rng)}" if thing else ""
    return f"{brand} {_one(SERIES, rng)}{noun}, {colour}"


def description(use: str, warned: bool, rng: np.random.Generator) -> str:
    """Two to five sentences, one of them about the use unless `use` is empty, and one about the size if `warned`."""
    sentences = [FILLERS[i] for i in rng.permutation(len(FILLERS))[: rng.integers(2, 4)]]
    for phrases in (USES.get(use, ()), WARNINGS if warned else ()):
        if phrases:
            sentences.insert(int(rng.integers(len(sentences) + 1)), _one(phrases, rng))
    return " ".join(sentences)


def _one(words: tuple[str, ...], rng: np.random.Generator) -> str:
    return words[int(rng.integers(len(words)))]
