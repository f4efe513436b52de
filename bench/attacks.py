"""What membership attacks find and cost: `python bench/attacks.py [--rows 3000] [--only forest]`.

A made table of 10 classes, 40 features and 5 % random labels; estimators of scikit-learn are fitted on 16 halves of it
and attacked, then in the quick form of two fits. CPU seconds of one process: what the fits take, and the attacks
beyond them. Where the Adversarial Robustness Toolbox is installed (`pip install adversarial-robustness-toolbox`), its
black-box attack stands beside: it learns from half of the target's own rows, told who is a member, and is asked of the
rest.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
import warnings
from typing import Any

import numpy as np
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier

from bakeoff.privacy.attacks import attack, plan_halves

ESTIMATORS = {
    "logistic regression": lambda seed: LogisticRegression(max_iter=500),
    "network of 64": lambda seed: MLPClassifier((64,), max_iter=60, random_state=seed),
    "5 neighbours": lambda seed: KNeighborsClassifier(5),
    "forest, leaves of 20": lambda seed: RandomForestClassifier(100, min_samples_leaf=20, random_state=seed),
    "forest of 100": lambda seed: RandomForestClassifier(100, random_state=seed),
}


def peer(make: Any, X: Any, y: Any, inside: Any, answers: Any) -> str:
    """The mean area of the toolbox's black-box attack on three fits, and its CPU seconds."""
    if importlib.util.find_spec("art") is None:
        return ""
    from art.attacks.inference.membership_inference import MembershipInferenceBlackBox
    from art.estimators.classification import SklearnClassifier

    rng, areas, began = np.random.default_rng(0), [], time.process_time()
    for fit in range(min(3, len(inside))):
        told = rng.random(len(y)) < 0.5
        model = SklearnClassifier(make(fit).fit(X[inside[fit]], y[inside[fit]]))
        attacker = MembershipInferenceBlackBox(model, attack_model_type="rf")
        member, other = told & inside[fit], told & ~inside[fit]
        attacker.fit(X[member], y[member], X[other], y[other], answers[fit][member], answers[fit][other])
        found = attacker.infer(X[~told], y[~told], pred=answers[fit][~told], probabilities=True)
        areas.append(roc_auc_score(inside[fit][~told], np.asarray(found).ravel()))
    return f"  toolbox {np.mean(areas):.3f} ({time.process_time() - began:.0f} s)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--fits", type=int, nargs="*", default=[16, 2])
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")  # a network of few epochs has not converged
    X, y = make_classification(
        asked.rows,
        40,
        n_informative=12,
        n_redundant=8,
        n_classes=10,
        n_clusters_per_class=1,
        flip_y=0.05,
        random_state=0,
    )
    names = [name for name in ESTIMATORS if asked.only in name]
    print(
        f"{'estimator':22} {'fits':>4} {'accuracy':>8} {'fits s':>7} {'attacks s':>9}  loss / LiRA / RMIA / strongest"
    )
    for fits in asked.fits:
        inside = plan_halves(asked.rows, y, fits, np.random.default_rng(0))
        for name in names:
            make, answers, right = ESTIMATORS[name], [], []
            began = time.process_time()
            for fit, held in enumerate(inside):
                answers.append(make(fit).fit(X[held], y[held]).predict_proba(X))
                right.append((answers[-1].argmax(axis=1) == y)[~held].mean())
            fitted = time.process_time()
            report = attack(inside, answers=np.array(answers), labels=y)
            ended = time.process_time()
            shown = [*(report.attacks[one] for one in ("loss", "lira", "rmia")), report.strongest]
            figures = " / ".join(f"{one.auc.value:.3f}" for one in shown)
            most = report.strongest
            hits = "  ".join(f"{fpr:g}: {one}" for fpr, one in most.tpr.items())
            print(
                f"{name:22} {fits:4} {np.mean(right):8.3f} {fitted - began:7.1f} {ended - fitted:9.1f}  {figures}  "
                f"[{most.auc.low:.3f}, {most.auc.high:.3f}]  {hits}{peer(make, X, y, inside, answers)}",
                flush=True,
            )


if __name__ == "__main__":
    main()
