"""The study's figures as tables for people."""

from __future__ import annotations

from collections.abc import Sequence

from bakeoff.studies.private_text.claims import Figures, by_key, mean, plain_of
from bakeoff.studies.study import Grid, Result


def grids(results: Sequence[Result]) -> list[Grid]:
    """The published proof, where words go, use and attacks, examples; those without figures are left out."""
    made = [_published(results), _ranks(results), _used(results), _examples(results)]
    return [grid for grid in made if grid.rows]


def _published(results: Sequence[Result]) -> Grid:
    rows = []
    for one in results:
        if one.setting.values["kind"] == "published":
            told = one.figures
            least = f"{told['attack, epsilon at least']:.2f}"
            rows.append(
                [
                    *(str(told["dimensions"]), f"{told['claimed']:g}", f"{told['pure']:.2f}"),
                    *(f"{told['factor']:.1f}", f"{told['at_delta']:.2f}", least),
                ]
            )
    heads = ("numbers in a code", "claimed", "true", "times", f"at least, with delta {1e-5:g}", "attack, at least")
    return Grid("The published auto-encoder's epsilon", heads, rows)


def _ranks(results: Sequence[Result]) -> Grid:
    rows = []
    for one in results:
        values = one.setting.values
        if values["kind"] == "ranks":
            for epsilon, shares in one.figures["shares"].items():
                told = [f"{max(0.0, shares[name]):.1%}" for name in ("itself", "near", "far")]
                rows.append([values["set"], values["method"], epsilon, *told])
    near = next((one.setting.values["near"] for one in results if one.setting.values["kind"] == "ranks"), 0)
    heads = ("public texts of", "method", "epsilon", "itself", f"one of {near} nearest", "farther")
    return Grid("Where words go", heads, rows)


def _used(results: Sequence[Result]) -> Grid:
    rows = [_row(name, "as they were", "", figures) for name, figures in plain_of(results).items()]
    rows += [
        _row(name, method, f"{epsilon:g}", figures) for (name, method, epsilon), figures in by_key(results).items()
    ]
    heads = (
        *("set", "method", "epsilon", "largest for a word or a text", "words unknown", "accuracy (standard error)"),
        *("words guessed", "texts found among a hundred", "author told", "seeds"),
    )
    return Grid("Use and attacks", heads, rows)


def _row(name: str, method: str, epsilon: str, figures: Sequence[Figures]) -> list[str]:
    first = figures[0]
    stated = first.get("per word", first.get("text epsilon"))
    guessed = f"{mean(figures, 'guessed'):.3f}" if "guessed" in first else ""
    author = ""
    if "author" in first:
        author = f"{mean(figures, 'author'):.3f} (largest class {mean(figures, 'author', 'largest class'):.3f})"
    return [
        *(name, method, epsilon),
        "" if stated is None else f"{stated:.1f}",
        f"{first['unknown']:.1%}" if "unknown" in first else "",
        f"{mean(figures):.3f} ({mean(figures, 'accuracy', 'error'):.3f})",
        *(guessed, f"{mean(figures, 'linked'):.3f}", author, str(len(figures))),
    ]


def _examples(results: Sequence[Result]) -> Grid:
    rows = []
    for (name, method, epsilon), figures in by_key(results).items():
        before, after = figures[0]["example"]
        rows.append([name, method, f"{epsilon:g}", before[:80], after[:80]])
    return Grid("One text", ("set", "method", "epsilon", "before", "after"), rows)
