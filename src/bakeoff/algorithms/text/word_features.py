"""What a CRF is told of each token: the word, its affixes and shape, and the two words to each side."""

from __future__ import annotations

import re

from bakeoff.algorithms.text.reading import Tokens

_RUNS = re.compile(r"(.)\1+")
_SHAPE = str.maketrans(
    {letter: "x" for letter in "abcdefghijklmnopqrstuvwxyz"}
    | {letter: "X" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
    | {digit: "d" for digit in "0123456789"}
)
EDGE = "\x02"  # stands where a neighbour is missing


def shape(word: str) -> str:
    """Letters as x and X, digits as d, runs cut to one: `McDonald's` is `XxXx'x`."""
    other = "".join(
        letter if letter.isascii() or not letter.isalpha() else "X" if letter.isupper() else "x" for letter in word
    )
    return _RUNS.sub(r"\1", other.translate(_SHAPE))


class WordFeatures:
    """Features of the tokens of sentences, as lists of text; those of a word alone are made once."""

    def __init__(self, most_kept: int = 200_000) -> None:
        self._kept: dict[str, tuple[list[str], str, str, str]] = {}
        self._most = most_kept

    def _word(self, word: str) -> tuple[list[str], str, str, str]:
        if word in self._kept:
            return self._kept[word]
        folded, form = word.lower(), shape(word)
        own = [f"w={folded}", f"s={form}", f"sw={form[:3]}{folded[-3:]}"]
        if folded != word:
            own.append(f"W={word}")
        own += [f"p{n}={folded[:n]}" for n in range(1, min(4, len(folded)) + 1)]
        own += [f"e{n}={folded[-n:]}" for n in range(1, min(5, len(folded)) + 1)]
        own += [name for name, holds in (("-", "-" in word), ("d", any(map(str.isdigit, word)))) if holds]
        found = (own, folded, form, folded[-3:])
        if len(self._kept) < self._most:
            self._kept[word] = found
        return found

    def of(self, words: list[str], about: str = "") -> list[list[str]]:
        """One list for each token; `about` is something known of the whole sentence, its label for example."""
        known = [self._word(word) for word in words]
        edge: tuple[list[str], str, str, str] = ([], EDGE, EDGE, EDGE)
        padded = [edge, edge, *known, edge, edge]
        out = []
        for place, (own, here, form, _) in enumerate(known):
            (_, back2, _, _), (_, back, back_form, back_end) = padded[place], padded[place + 1]
            (_, on, on_form, on_end), (_, on2, _, _) = padded[place + 3], padded[place + 4]
            told = [
                *own,
                *(f"w-1={back}", f"w+1={on}", f"w-2={back2}", f"w+2={on2}"),
                *(f"w-1,0={back}|{here}", f"w0,1={here}|{on}", f"w-1,1={back}|{on}", f"w-2,-1={back2}|{back}"),
                *(
                    f"w1,2={on}|{on2}",
                    f"e-1={back_end}",
                    f"e+1={on_end}",
                    f"s-1={back_form}|{form}",
                    f"s+1={form}|{on_form}",
                ),
            ]
            if about:
                told += [f"a={about}", f"a,w={about}|{here}", f"a,w-1={about}|{back}", f"a,w+1={about}|{on}"]
            out.append(told)
        return out

    def all_of(self, tokens: Tokens) -> list[list[list[str]]]:
        """The features of every sentence."""
        return [self.of(words) for words in tokens]
