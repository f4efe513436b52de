"""Synthetic people in two tables: weighted names, households, and what clerks and time do to a record.

    from people import made
    left, right, truth = made(10_000, seed=0)

Each table has the asked number of records; half of the left ones have exactly one partner on the right, the others
none. Relatives share surname and address across the tables, and parents their given name now and then, so that many
pairs look alike and are no match. Every name is made of syllables: none is taken from a list of real people.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

COLUMNS = ("given_name", "surname", "birth_date", "street", "house_number", "city", "postcode", "email", "phone")
STARTS = [
    "b",
    "br",
    "c",
    "ch",
    "d",
    "dr",
    "f",
    "fr",
    "g",
    "gr",
    "h",
    "j",
    "k",
    "kl",
    "l",
    "m",
    "n",
    "p",
    "pr",
    "r",
    "s",
    "st",
    "t",
    "th",
    "tr",
    "v",
    "w",
    "z",
]
VOWELS = ["a", "e", "i", "o", "u", "ai", "ea", "ie", "oo"]
ENDS = ["l", "n", "r", "s", "t", "nd", "ll", "ck", "m", "x", "rt", "th"]
LETTERS = np.array(list("abcdefghijklmnopqrstuvwxyz"))
DIGITS = np.array(list("0123456789"))
# How often a column of one record is misspelt, and how often it is empty.
MISSPELT = {"given_name": 0.06, "surname": 0.07, "birth_date": 0.02, "street": 0.07, "city": 0.03}
MISSPELT |= {"house_number": 0.03, "postcode": 0.03, "email": 0.03, "phone": 0.03}
EMPTY = {"birth_date": 0.06, "street": 0.03, "house_number": 0.04, "city": 0.03, "postcode": 0.08}
EMPTY |= {"email": 0.45, "phone": 0.35}
Table = dict[str, np.ndarray]


def made(size: int, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Two tables of `size` records and the true pairs, positions int64 (matches, 2)."""
    rng = np.random.default_rng(seed)
    partners = size // 2
    people = population(2 * size - partners, rng)
    order = rng.permutation(2 * size - partners)
    left = {name: column[order[:size]] for name, column in people.items()}
    right = {name: column[order[size - partners :]] for name, column in people.items()}
    changed = np.arange(size) < partners  # the first of the right records are the last of the left ones
    later(right, changed, rng)
    for table in (left, right):
        clerk(table, rng)
    moved = rng.permutation(size), rng.permutation(size)
    places = np.argsort(moved[0])[size - partners :], np.argsort(moved[1])[:partners]
    frames = [
        pd.DataFrame({name: table[name][at] for name in COLUMNS})
        for table, at in zip((left, right), moved, strict=True)
    ]
    return frames[0], frames[1], np.column_stack(places).astype(np.int64)


def syllables(count: int, parts: int, rng: np.random.Generator) -> np.ndarray:
    """Different names of about `parts` syllables."""
    found: dict[str, None] = {}
    while len(found) < count:
        many = parts + int(rng.integers(0, 2))
        name = "".join(str(rng.choice(STARTS)) + str(rng.choice(VOWELS)) for _ in range(many))
        found[name + (str(rng.choice(ENDS)) if rng.random() < 0.7 else "")] = None
    return np.array(list(found), dtype=object)


def drawn(names: np.ndarray, size: int, slope: float, rng: np.random.Generator) -> np.ndarray:
    """Positions of names, the first ones most often, as names of people and places are spread."""
    weights = (np.arange(len(names)) + 8.0) ** -slope
    return rng.choice(len(names), size, p=weights / weights.sum())


def population(size: int, rng: np.random.Generator) -> Table:
    """People in households: relatives have one surname and one address."""
    given, surnames = syllables(1_500, 1, rng), syllables(25_000, 2, rng)
    households = rng.choice(4, size, p=[0.35, 0.3, 0.2, 0.15]) + 1
    house = np.repeat(np.arange(size), households)[:size]
    homes = int(house[-1]) + 1
    names, own = drawn(given, size, 0.9, rng), drawn(surnames, size, 0.75, rng)
    surname = np.where(rng.random(size) < 0.12, own, own[house])  # some keep their own name
    senior = np.flatnonzero((rng.random(size) < 0.02) & (np.r_[-1, house[:-1]] == house))
    names[senior] = names[senior - 1]  # a child named after a parent
    table = {"given_name": given[names], "surname": surnames[surname]}
    days = np.datetime64("1930-01-01") + rng.integers(0, 29_000, size)
    table["birth_date"] = days.astype(str).astype(object)
    table |= {name: column[house] for name, column in addresses(homes, rng).items()}
    table["email"] = mailboxes(table["given_name"], table["surname"], rng)
    table["phone"] = phones(size, rng)
    return table


def addresses(size: int, rng: np.random.Generator) -> Table:
    """Streets of cities; a postcode covers a part of a street."""
    cities, streets = syllables(600, 2, rng), syllables(4_000, 2, rng)
    kinds = np.array([" street", " road", " lane", " avenue", " close"], dtype=object)
    city, street = drawn(cities, size, 0.8, rng), drawn(streets, size, 0.5, rng)
    number = np.minimum(rng.geometric(0.03, size), 400)
    # What follows from city, street and number alone, as if read from a plan of the city.
    mixed = (city.astype(np.uint64) * 7_919 + street.astype(np.uint64)) * 13 + (number // 40).astype(np.uint64)
    mixed = (mixed * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(20)
    letters = LETTERS.astype(object)
    area = letters[city % 26] + letters[city // 26 % 26] + (city % 9 + 1).astype(str).astype(object)
    inner = (mixed % 9 + 1).astype(str).astype(object)
    postcode = area + (mixed // 11 % 10).astype(str).astype(object) + " " + inner
    postcode = postcode + letters[(mixed // 97 % 26).astype(int)] + letters[(mixed // 3001 % 26).astype(int)]
    return {
        "street": streets[street] + kinds[street % len(kinds)],
        "house_number": number.astype(str).astype(object),
        "city": cities[city],
        "postcode": postcode,
    }


def mailboxes(given: np.ndarray, surname: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    hosts = np.array([f"@mail{host}.example" for host in range(40)], dtype=object)
    number = rng.integers(0, 10_000, len(given)).astype(str).astype(object)
    return given + "." + surname + number + hosts[drawn(hosts, len(given), 1.2, rng)]


def phones(size: int, rng: np.random.Generator) -> np.ndarray:
    return ("0" + rng.integers(10**9, 10**10, size).astype(str).astype(object)).astype(object)


def later(table: Table, who: np.ndarray, rng: np.random.Generator) -> None:
    """What has changed of the people `who` since the other table was written: nicknames, homes, surnames, numbers."""
    size = len(who)
    some = who & (rng.random(size) < 0.08)
    table["given_name"][some] = [nickname(name, rng) for name in table["given_name"][some]]
    some = who & (rng.random(size) < 0.12)
    for name, column in addresses(int(some.sum()), rng).items():
        table[name][some] = column
    some = who & (rng.random(size) < 0.03)
    table["surname"][some] = rng.permutation(table["surname"])[some]
    some = who & (rng.random(size) < 0.15)
    table["phone"][some] = phones(int(some.sum()), rng)
    some = who & (rng.random(size) < 0.1)
    table["email"][some] = mailboxes(table["given_name"][some], table["surname"][some], rng)
    some = who & (rng.random(size) < 0.01)
    table["given_name"][some], table["surname"][some] = table["surname"][some], table["given_name"][some]
    some = who & (rng.random(size) < 0.01)
    table["birth_date"][some] = [f"{day[:4]}-{day[8:]}-{day[5:7]}" for day in table["birth_date"][some]]


def nickname(name: str, rng: np.random.Generator) -> str:
    return name[0] if len(name) < 4 or rng.random() < 0.3 else name[: max(3, len(name) // 2)] + "ie"


def clerk(table: Table, rng: np.random.Generator) -> None:
    """Misspells and leaves out cells of every record alike."""
    size = len(table["surname"])
    for name, share in MISSPELT.items():
        at = np.flatnonzero(rng.random(size) < share)
        column = table[name] = table[name].copy()
        column[at] = [misspelt(str(text), rng) for text in column[at]]
        again = at[rng.random(len(at)) < 0.1]
        column[again] = [misspelt(str(text), rng) for text in column[again]]
    for name, share in EMPTY.items():
        table[name][rng.random(size) < share] = None


def misspelt(text: str, rng: np.random.Generator) -> str:
    """One sign put in, left out, changed, or two swapped."""
    if len(text) < 2:
        return text
    at = int(rng.integers(len(text) - 1))
    sign = str(rng.choice(DIGITS if text[at].isdigit() else LETTERS))
    ways: tuple[Callable[[], str], ...] = (
        lambda: text[:at] + sign + text[at:],
        lambda: text[:at] + text[at + 1 :],
        lambda: text[:at] + sign + text[at + 1 :],
        lambda: text[:at] + text[at + 1] + text[at] + text[at + 2 :],
    )
    return ways[int(rng.integers(4))]()
