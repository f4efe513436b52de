"""The splink baseline: Fellegi and Sunter's model over blocked candidates, fitted without labels by Splink."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandas as pd

from bakeoff.algorithms.blocking import Blocker
from bakeoff.algorithms.columns import numbers
from bakeoff.algorithms.linkage import CANDIDATES
from bakeoff.algorithms.matching.pair_model import labels_of, two_columns
from bakeoff.algorithms.records import SIDES, Fields, fields_of, numbered, only_matching, plain, side_cells
from bakeoff.algorithms.similarities import days
from bakeoff.algorithms.thresholds import moved, threshold
from bakeoff.errors import Declined, MissingExtra
from bakeoff.extras import need
from bakeoff.nouns import Array, ColumnType, Frame, Schema

SHORT = 3  # words: up to here spelling tells more than the share of common words
SPELLING = (0.95, 0.88, 0.7)
COMMON = (0.8, 0.6, 0.4, 0.2)
RATIOS = (0.001, 0.05, 0.2)
DAYS = (1, 31, 366)
RANDOM = 1e5  # pairs, to learn how often a level is reached by chance
FLATTER = 8.0
PAIR = "unique_id"


class SplinkLinkage:
    """Compares every column by its type and learns by expectation maximisation how much each agreement says.

    Candidates are the ten nearest of each record, as in the linkage baseline; Splink's own blocking rules need
    columns that are equal letter by letter. Labels set the threshold alone. Declined when Splink is not installed.
    """

    def fit(self, left: Frame, right: Frame | None, pairs: Frame, *, schema: Schema | None = None) -> SplinkLinkage:
        """Learn from all candidates, then the threshold from labelled pairs; Declined when the task is no matching."""
        schema = schema or Schema((), "matching", "label", "f1", (0, 1), 0, 0.0)
        only_matching(schema, "splink")
        try:
            need("splink", "splink")
        except MissingExtra as missing:
            raise Declined(str(missing)) from missing
        self.schema_ = schema
        self.classes_, matches = labels_of(pairs["label"].to_numpy(), schema)
        self.fields_, self.kinds_ = _compared(left, right, schema)
        found = Blocker(schema).fit(left, right).candidates(CANDIDATES)[["left", "right"]].to_numpy()
        self.model_ = self._learn(self._sides(left, right, found))
        positions = pairs[["left", "right"]].to_numpy(dtype=np.int64)
        self.threshold_ = threshold(self._score(self._sides(left, right, positions)), matches)
        return self

    def _learn(self, pairs: tuple[Frame, Frame]) -> dict[str, Any]:
        """Expectation maximisation over the candidates, all levels free; the model as Splink saves it."""
        from splink import SettingsCreator, block_on

        settings = SettingsCreator(
            link_type="link_only",
            comparisons=[made for place, kind in enumerate(self.kinds_.values()) for made in _comparisons(place, kind)],
            blocking_rules_to_generate_predictions=[block_on(PAIR)],
            probability_two_random_records_match=1 / CANDIDATES,
            retain_matching_columns=False,
        )
        linker = self._linker(pairs, settings)
        linker.training.estimate_u_using_random_sampling(
            max_pairs=RANDOM, seed=self.schema_.seed % 2**31, min_count_per_level=None, num_chunks=1
        )
        linker.training.estimate_parameters_using_expectation_maximisation(
            block_on(PAIR),
            fix_u_probabilities=True,
            populate_probability_two_random_records_match_from_trained_values=True,
            record_sample_proportion=1.0,
        )
        return dict(linker.misc.save_model_to_json())

    def _linker(self, pairs: tuple[Frame, Frame], settings: Any) -> Any:
        """A Splink linker of two tables whose rows of one number are a pair, so that its candidates are ours."""
        import duckdb
        from splink import Linker
        from splink.backends.duckdb import DuckDBAPI

        engine = DuckDBAPI(duckdb.connect(":memory:", config={"threads": self.schema_.threads}))
        tables = [
            engine.register(table, table_name=f"{side}_records", dataset_display_name=side)
            for side, table in zip(SIDES, pairs, strict=True)
        ]
        return Linker(tables, settings, log_level=logging.ERROR)

    def _sides(self, left: Frame, right: Frame | None, positions: Array) -> tuple[Frame, Frame]:
        """Both records of each pair as Splink is to read them, the pair's number as unique_id."""
        one, other = (
            _prepared(table, side, self.fields_, self.kinds_).iloc[at].reset_index(drop=True).reset_index(names=PAIR)
            for side, table, at in zip(SIDES, (left, left if right is None else right), positions.T, strict=True)
        )
        return one, other

    def _score(self, pairs: tuple[Frame, Frame]) -> Array:
        """Scores of pairs that rise with Splink's match weight, float64 (pairs,), 0 to 1."""
        scores = np.zeros(len(pairs[0]))
        if len(scores):
            found = self._linker(pairs, self.model_).inference.predict().as_pandas_dataframe()
            weights = found["match_weight"].to_numpy(dtype=np.float64)
            # Half of the certainties would round to 1: the weights, log2 of the odds, are scored on a flatter curve.
            scores[found[f"{PAIR}_l"].to_numpy()] = 1 / (1 + 2 ** (-weights / FLATTER))
        return scores

    def link(self, left: Frame, right: Frame | None) -> Frame:
        """Every candidate with its score: a frame of `left`, `right` (positions) and `score`, a match from 0.5."""
        found = Blocker(self.schema_).fit(left, right).candidates(CANDIDATES)[["left", "right"]]
        scores = self._score(self._sides(left, right, found.to_numpy()))
        return found.assign(score=moved(scores, self.threshold_))

    def predict_proba(self, X: Frame) -> Array:
        """Probabilities of pairs with `left_*` and `right_*` columns, float64 (pairs, 2), the match last."""
        sides = []
        for side in SIDES:
            bare = {f"{side}_{name}": name for name in self.kinds_}
            records = X[[name for name in bare if name in X.columns]].rename(columns=bare)
            sides.append(
                _prepared(records, side, self.fields_, self.kinds_).reset_index(drop=True).reset_index(names=PAIR)
            )
        return two_columns(moved(self._score((sides[0], sides[1])), self.threshold_))

    def predict(self, X: Frame) -> Array:
        """Labels."""
        return self.classes_[(self.predict_proba(X)[:, 1] >= 0.5).astype(int)]


def _compared(left: Frame, right: Frame | None, schema: Schema) -> tuple[Fields, dict[str, str]]:
    """The record columns and, by shared column, how it is compared: number, date, spelling or words."""
    second = left if right is None else right
    heads = pd.concat([left.iloc[:0].add_prefix("left_"), second.iloc[:0].add_prefix("right_")], axis=1)
    fields = fields_of(schema, heads)
    kinds = {}
    for field in fields.shared:
        if field.type in (ColumnType.NUMERIC, ColumnType.DATETIME):
            kinds[field.name] = "number" if field.type is ColumnType.NUMERIC else "date"
        elif field.type is not ColumnType.IMAGE:
            lengths = [len(text.split()) for text in _texts(left, "left", field.name, fields) if text]
            kinds[field.name] = "spelling" if not lengths or np.median(lengths) <= SHORT else "words"
    if not kinds:
        raise Declined("The baseline 'splink' compares columns that both tables have, and there is none but pictures.")
    return fields, kinds


def _texts(table: Frame, side: str, name: str, fields: Fields) -> list[str]:
    return [plain(text) for text in side_cells(table.add_prefix(f"{side}_"), name, side, fields)]


def _prepared(table: Frame, side: str, fields: Fields, kinds: dict[str, str]) -> Frame:
    """The records as Splink is to read them: columns c0, c1, ..."""
    columns: dict[str, Any] = {}
    for place, (name, kind) in enumerate(kinds.items()):
        if kind in ("number", "date"):
            values = numbers(table, (name,))[:, 0] if kind == "number" else days(table[name])
            columns[f"c{place}"] = pd.Series(values).astype("Float64")
        else:
            texts = [text or None for text in _texts(table, side, name, fields)]
            columns[f"c{place}"] = pd.Series(texts, dtype="str")
            if kind == "words":
                columns[f"c{place}_words"] = [sorted(set(text.split())) if text else None for text in texts]
                columns[f"c{place}_numbers"] = [sorted(set(numbered(text or ""))) or None for text in texts]
    return pd.DataFrame(columns)


def _comparisons(place: int, kind: str) -> list[Any]:
    """What is compared in one column, each in levels from the same down to anything else."""
    import splink.comparison_level_library as levels

    name = f"c{place}"
    exact = levels.ExactMatchLevel(name)
    if kind == "spelling":
        return [_comparison(name, [exact, *(levels.JaroWinklerLevel(name, at) for at in SPELLING)])]
    if kind == "number":
        return [_comparison(name, [exact, *(levels.PercentageDifferenceLevel(name, at) for at in RATIOS)])]
    if kind == "date":
        return [_comparison(name, [exact, *(levels.AbsoluteDifferenceLevel(name, at) for at in DAYS)])]
    both = f'len(list_intersect("{name}_words_l", "{name}_words_r"))'
    whole = f'(len("{name}_words_l") + len("{name}_words_r") - {both})'
    words = [levels.CustomLevel(f"{both} >= {at} * {whole}", f"{at:.0%} of words common") for at in COMMON]
    figures = f"{name}_numbers"
    common = f'len(list_intersect("{figures}_l", "{figures}_r"))'
    fewer = f'least(len("{figures}_l"), len("{figures}_r"))'
    numbers_ = [
        levels.CustomLevel(f"{common} >= {fewer}", "all words with a digit common"),
        levels.CustomLevel(f"{common} > 0", "one word with a digit common"),
    ]
    return [_comparison(name, [exact, *words]), _comparison(figures, numbers_)]


def _comparison(name: str, between: list[Any]) -> Any:
    import splink.comparison_level_library as levels
    from splink.comparison_library import CustomComparison

    return CustomComparison([levels.NullLevel(name), *between, levels.ElseLevel()], output_column_name=name)
