"""How fast groups are compared, beside fairlearn and scikit-learn: `python bench/fairness.py [--rows 1000000]`.

CPU seconds of one process, each the least of three runs, and ratios; a peer that is not installed is left out.
fairlearn and the areas of scikit-learn are run once, on a tenth of the groups or rows where said, and scaled up.
"""

from __future__ import annotations

import argparse
import importlib.util
import resource
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from bakeoff.fairness import (
    Asked,
    RankSettings,
    Settings,
    audit,
    by_attributes,
    by_identities,
    compare_groups,
    compare_rankings,
    count,
    gender,
    hard_weights,
    linear_sensitivity,
    status_model,
    word_swap_sensitivity,
)
from bakeoff.fairness.figures import Wanted, figures_of

GROUPS, DRAWS = 20, 200


def cpu(call: Callable[[], Any], times: int = 3) -> tuple[float, Any]:
    """The least CPU seconds of so many calls, and what the last one gave."""
    found = []
    for _ in range(times):
        began = time.process_time()
        out = call()
        found.append(time.process_time() - began)
    return min(found), out


def rates(truth: Any, predicted: Any, groups: Any) -> Any:
    """Five metrics of every group, without intervals."""
    table = count(truth, predicted, by_attributes({"g": groups}), classes=[0, 1])
    return {figure.name: figure.values(table.by_group()) for figure in figures_of(table.classes, Wanted())}


def fairlearn_rates(truth: Any, predicted: Any, groups: Any, draws: int = 0) -> Any:
    from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
    from sklearn.metrics import accuracy_score, precision_score

    metrics = {
        "accuracy": accuracy_score,
        "selection rate": selection_rate,
        "true positive rate": true_positive_rate,
        "false positive rate": false_positive_rate,
        "precision": precision_score,
    }
    more = {"n_boot": draws, "ci_quantiles": [0.025, 0.975]} if draws else {}
    return MetricFrame(metrics=metrics, y_true=truth, y_pred=predicted, sensitive_features=groups, **more).by_group


def sklearn_areas(truth: Any, scores: Any, inside: Any) -> list[float]:
    from sklearn.metrics import roc_auc_score

    kept = (inside, (inside & ~truth) | (~inside & truth), (inside & truth) | (~inside & ~truth))
    return [roc_auc_score(truth[rows], scores[rows]) for rows in kept]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    random = np.random.default_rng(0)
    codes, truth, predicted = random.integers(0, GROUPS, rows), random.integers(0, 2, rows), random.integers(0, 2, rows)
    words = np.array([f"group {place:02d}" for place in range(GROUPS)], dtype=object)[codes]
    some = min(rows, 100_000)
    few = truth[:some], predicted[:some], codes[:some]
    table = count(few[0], few[1], by_attributes({"g": few[2]}), classes=[0, 1])
    print(f"{'what':52} {'CPU s':>10} {'ratio':>10}")
    ours, found = cpu(partial(rates, truth, predicted, codes))
    line(f"5 metrics, {rows:,} rows x {GROUPS} groups, from codes", ours)
    strings, _ = cpu(partial(rates, truth, predicted, words))
    line("the same from strings", strings)
    drawn, _ = cpu(lambda: compare_groups(table, Settings(draws=DRAWS)))
    line(f"all figures and comparisons, {DRAWS} draws, {some:,} rows", drawn)
    if importlib.util.find_spec("fairlearn"):
        theirs, frame = cpu(partial(fairlearn_rates, truth, predicted, codes), 1)
        line("fairlearn, 5 metrics", theirs, theirs / ours)
        line("fairlearn against ours from strings", theirs, theirs / strings)
        for name, values in found.items():
            assert np.allclose(frame[name].to_numpy(), values, rtol=0, atol=1e-12), name
        plain, _ = cpu(partial(fairlearn_rates, *few), 1)
        three, _ = cpu(partial(fairlearn_rates, *few, draws=3), 1)
        scaled = (three - plain) / 3 * DRAWS
        line(f"fairlearn, {DRAWS} draws, {some:,} rows (3 measured)", scaled, scaled / drawn)
    scores = random.random(rows)
    has = random.random((rows, GROUPS)) < 0.05
    named = by_identities({f"i{place:02d}": has[:, place] for place in range(GROUPS)})
    true = truth.astype(bool)
    areas, measures = cpu(lambda: compare_rankings(true, scores, named, RankSettings(draws=1)), 2)
    line(f"AUC, subgroup, BPSN, BNSP, {rows:,} rows x {GROUPS} identities", areas)
    two, first = cpu(lambda: [sklearn_areas(true, scores, has[:, place]) for place in (0, 1)], 1)
    line("scikit-learn's AUC, the same (2 identities measured)", two * GROUPS / 2, two * GROUPS / 2 / areas)
    by_name = {(one.metric, one.group): one.value for one in measures}
    for metric, value in zip(("subgroup AUC", "BPSN AUC", "BNSP AUC"), first[0], strict=True):
        assert abs(by_name[metric, "i00"] - value) < 1e-12, metric
    resampled, _ = cpu(lambda: compare_rankings(true, scores, named, RankSettings(draws=DRAWS)), 1)
    line(f"the same with {DRAWS} draws", resampled)
    weighted, _ = cpu(lambda: compare_rankings(true, scores, named, RankSettings(draws=1), 1 + scores), 2)
    line("the areas with weights of rows", weighted)
    texts()


def texts(rows: int = 2000) -> None:
    """A whole audit of a classifier of texts: groups, rankings, calibration, swapped words and sensitivity."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(1)
    words = np.array([f"word{place}" for place in range(5000)] + ["he", "she", "big", "small", "her", "father"] * 40)
    said = [" ".join(random.choice(words, 25)) for _ in range(2 * rows)]
    race, sex = random.choice(["a", "b", "c", "d"], 2 * rows), random.choice(["f", "m"], 2 * rows)
    truth = np.array(["good" in text or " he " in text for text in said]) ^ (random.random(2 * rows) < 0.2)
    reader = TfidfVectorizer(ngram_range=(1, 2))
    train, test = reader.fit_transform(said[:rows]), reader.transform(said[rows:])
    model = LogisticRegression().fit(train, truth[:rows])
    seconds, measures = cpu(lambda: whole(reader, model, (said[rows:], test, truth[rows:], race[rows:], sex[rows:])), 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    line(f"whole audit of {rows:,} texts, {test.shape[1]:,} inputs ({measures} figures)", seconds)
    print(f"peak memory of all of this: {peak:,.0f} MiB")


def whole(reader: Any, model: Any, rows: tuple[Any, ...]) -> int:
    """How many figures an audit gives of texts, inputs, truth, and two protected attributes."""
    said, inputs, truth, race, sex = rows
    shares = model.predict_proba(inputs)
    table = pd.DataFrame({"race": race, "sex": sex, "toxic": truth.astype(str)})
    answers = pd.DataFrame({"False": shares[:, 0], "True": shares[:, 1]})
    found = [*audit(table, answers, Asked("toxic", ["race", "sex"]))]
    found += word_swap_sensitivity(lambda held: model.predict_proba(reader.transform(held)), said, gender())
    status = status_model(inputs, sex, name="sex")
    parameters = (model.coef_, model.intercept_)
    protected = [word for word in reader.get_feature_names_out() if word in ("he", "she", "her", "father")]
    found += linear_sensitivity(parameters, inputs, hard_weights(list(reader.get_feature_names_out()), protected))
    found += linear_sensitivity(parameters, inputs, status.weights)
    return len([*found, *status.told])


def line(what: str, seconds: float, ratio: float | None = None) -> None:
    print(f"{what:52} {seconds:10.4f} {'' if ratio is None else f'{ratio:,.0f}':>10}", flush=True)


if __name__ == "__main__":
    main()
