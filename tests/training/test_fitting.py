"""The loop: seeds, optimum, early stopping, time, checkpoints."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from neural import torch
from rows_made import frame, labels_of

from bakeoff.errors import BakeoffError, UsageError
from bakeoff.training import Clock, Preparation, Recipe, Records, TableNetwork, TableReader, fit
from bakeoff.training.encoders.categories import Categories
from bakeoff.training.encoders.numeric import Numeric
from bakeoff.training.encoders.texts import Bag, BagStyle
from bakeoff.training.fitting import held_out_rows
from bakeoff.training.heads import ClassHead, NumberHead
from bakeoff.training.network import TrunkShape
from bakeoff.training.seeding import seeded

ROWS = frame(300, gaps=0.1)
LABELS = labels_of(ROWS)
READER = TableReader([Numeric(["size"]), Categories(["colour"]), Bag("note", BagStyle(least=1))])
READER.learn(ROWS, Preparation())
TARGETS = ClassHead(1, ("no", "yes")).targets(LABELS)
RECORDS = READER.read(ROWS, TARGETS)
RECIPE = Recipe(epochs=6, batch=32, patience=3, seed=3)


def network(seed: int = 3) -> TableNetwork:
    with seeded(seed):
        return TableNetwork(READER.encoders, TrunkShape(width=24), ClassHead(24, ("no", "yes")))


def weights(fitted) -> np.ndarray:
    return np.concatenate([held.numpy().ravel() for held in fitted.network.state_dict().values()])


class Bare(torch.nn.Module):
    """Features as they are: a network of one linear layer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, parts):
        return parts["values"]


class Given:
    """An encoder of numbers that are given as they are to be used."""

    name = "given"

    def __init__(self, values) -> None:
        self.values = values

    def learn(self, X, preparation) -> None: ...

    def read(self, X):
        return {"values": self.values}

    def layers(self):
        return Bare(self.values.shape[1])


def linear_network(values, head) -> tuple[TableNetwork, dict]:
    encoder = Given(values.astype(np.float32))
    return TableNetwork([encoder], torch.nn.Identity(), head), {"given": encoder.read(None)}


def test_logistic_regression_reaches_scikit_learns_optimum():
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    values = rng.normal(size=(400, 5))
    classes = rng.integers(0, 3, 400)
    values[:, :3] += 1.2 * np.eye(3)[classes]
    made, parts = linear_network(values, ClassHead(5, (0, 1, 2)))
    recipe = Recipe(epochs=400, batch=400, rate=0.1, decay=0.0, clip=0.0, held_out=0.0)
    fitted = fit(made, Records(parts, 400, classes), recipe)
    answers = fitted.network.answers(Records(parts, 400))
    reference = LogisticRegression(C=1e10, tol=1e-10, max_iter=5_000).fit(values, classes)
    assert np.allclose(answers, reference.predict_proba(values), atol=1e-3)
    ours = -np.log(answers[np.arange(400), classes]).mean()
    theirs = -np.log(reference.predict_proba(values)[np.arange(400), classes]).mean()
    assert ours == pytest.approx(theirs, abs=1e-5)


@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
def test_least_squares_reach_the_closed_form(optimiser):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(200, 4))
    numbers = values @ [3.0, -1.0, 0.5, 0.0] * 1e4 + 7e6 + rng.normal(size=200) * 1e3
    head = NumberHead(4, float(numbers.mean()), float(numbers.std()))
    made, parts = linear_network(values, head)
    rate = 0.05 if optimiser == "adamw" else 0.3
    recipe = Recipe(epochs=400, batch=200, rate=rate, decay=0.0, clip=0.0, held_out=0.0, optimiser=optimiser)
    fitted = fit(made, Records(parts, 200, head.targets(numbers)), recipe)
    design = np.column_stack([values, np.ones(200)])
    wanted = design @ np.linalg.lstsq(design, numbers, rcond=None)[0]
    assert np.allclose(fitted.network.answers(Records(parts, 200))[:, 0], wanted, rtol=1e-5)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    first, second = (fit(network(), RECORDS, RECIPE) for _ in range(2))
    other = fit(network(), RECORDS, replace(RECIPE, seed=4))
    assert np.array_equal(weights(first), weights(second))
    assert not np.array_equal(weights(first), weights(other))


def test_what_was_random_before_goes_on_as_if_nothing_had_been():
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    before = torch.get_num_threads()
    fit(network(), RECORDS, replace(RECIPE, epochs=1, threads=2))
    assert torch.equal(torch.rand(3), wanted)
    assert torch.get_num_threads() == before


def test_it_learns():
    fitted = fit(network(), RECORDS, replace(RECIPE, epochs=25, patience=25))
    asked = frame(200, seed=8, gaps=0.0)
    guess = fitted.network.answers(READER.read(asked)).argmax(axis=1)
    truth = labels_of(asked) == "yes"
    assert np.mean(guess == truth) > max(truth.mean(), 1 - truth.mean()) + 0.1


def test_the_best_weights_on_the_held_out_part_are_taken_back():
    recipe = replace(RECIPE, epochs=40, rate=0.05, patience=4, schedule="constant")
    fitted = fit(network(), RECORDS, recipe)
    best = fitted.history.best
    assert fitted.history.stopped == "patience"
    assert fitted.history.epochs[-1].number == best.number + 4
    assert fitted.history.epochs[-1].held_out > best.held_out
    held = RECORDS.take(fitted.held_out)
    chances = fitted.network.answers(held)[np.arange(len(held)), held.targets]
    assert -np.log(chances).mean() == pytest.approx(best.held_out, rel=1e-4)
    (step,) = fitted.steps
    assert (step.name, step.source, step.rows) == ("early stopping", "training", len(held))


def test_held_out_rows_keep_the_shares_of_classes_and_one_of_each_to_learn_from():
    rng = np.random.default_rng(0)
    classes = rng.permutation(np.repeat([0, 1, 2, 3], [600, 300, 99, 1]))
    kept, held = held_out_rows(classes, Recipe(held_out=0.2))
    assert np.bincount(classes[held], minlength=4).tolist() == [120, 60, 20, 0]
    assert sorted([*kept, *held]) == list(range(1000))
    again = held_out_rows(classes, Recipe(held_out=0.2))[1]
    other = held_out_rows(classes, Recipe(held_out=0.2, seed=1))[1]
    assert np.array_equal(held, again)
    assert not np.array_equal(held, other)
    assert len(held_out_rows(np.arange(40), Recipe())[1]) == 0


class Ticking:
    """A clock that goes on by one second whenever it is looked at."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        self.time += 1.0
        return self.time


@pytest.mark.parametrize("seconds", [40, 100, 400])
def test_the_time_budget_is_kept_from_the_first_epoch_on(seconds):
    now = Ticking()
    clock = Clock(seconds, now)
    fitted = fit(network(), RECORDS, replace(RECIPE, epochs=10_000, batch=8, patience=10_000), clock=clock)
    assert fitted.history.stopped == "time"
    assert fitted.history.epochs[0].steps < 32 or seconds > 100
    assert 0.8 * seconds <= now.time - 1 <= 1.1 * seconds


def test_time_that_was_spent_before_counts_and_none_left_leaves_an_answer():
    now = Ticking()
    clock = Clock(30, now)
    now.time += 60
    fitted = fit(network(), RECORDS, RECIPE, clock=clock)
    assert fitted.history.stopped == "time"
    assert np.allclose(fitted.network.answers(RECORDS), 0.5)


def test_ample_time_changes_nothing():
    without, with_time = (fit(network(), RECORDS, replace(RECIPE, seconds=s)) for s in (0.0, 10_000.0))
    assert np.array_equal(weights(without), weights(with_time))


class Interrupted(Exception):
    """Stands for whatever ends a process."""


def stop_after(epochs: int):
    def watch(epoch) -> None:
        if epoch.number + 1 == epochs:
            raise Interrupted

    return watch


@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
def test_a_fit_that_was_interrupted_goes_on_to_the_same_weights(tmp_path, optimiser):
    recipe = replace(RECIPE, epochs=7, optimiser=optimiser, patience=7)
    whole = fit(network(), RECORDS, recipe)
    file = tmp_path / "fit.pt"
    with pytest.raises(Interrupted):
        fit(network(), RECORDS, recipe, checkpoint=file, watcher=stop_after(3))
    seen = []
    resumed = fit(network(seed=99), RECORDS, recipe, checkpoint=file, watcher=lambda epoch: seen.append(epoch.number))
    assert seen == [3, 4, 5, 6]
    assert np.array_equal(weights(whole), weights(resumed))
    assert [e.held_out for e in resumed.history.epochs] == [e.held_out for e in whole.history.epochs]
    again = fit(network(), RECORDS, recipe, checkpoint=file)
    assert np.array_equal(weights(whole), weights(again))
    assert [path.name for path in tmp_path.iterdir()] == ["fit.pt"]


def test_a_checkpoint_of_another_recipe_or_no_checkpoint_is_refused(tmp_path):
    file = tmp_path / "fit.pt"
    fit(network(), RECORDS, replace(RECIPE, epochs=1), checkpoint=file)
    with pytest.raises(UsageError, match=r"is the checkpoint of another network or recipe; give another path"):
        fit(network(), RECORDS, replace(RECIPE, epochs=1, batch=16), checkpoint=file)
    file.write_bytes(b"not weights")
    with pytest.raises(UsageError, match="delete it to start anew"):
        fit(network(), RECORDS, RECIPE, checkpoint=file)


def test_nothing_in_a_checkpoint_is_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "exploded"),))

    file = tmp_path / "fit.pt"
    torch.save({"format": 1, "network": Bomb()}, file)
    with pytest.raises(UsageError, match="delete it to start anew"):
        fit(network(), RECORDS, RECIPE, checkpoint=file)
    assert not (tmp_path / "exploded").exists()
    torch.load(file, weights_only=False)  # the partner: read carelessly, it does go off
    assert (tmp_path / "exploded").exists()


def test_a_loss_that_is_no_number_is_told():
    made = network()
    with torch.no_grad():
        made.head.layer.bias.fill_(float("nan"))
    with pytest.raises(BakeoffError, match=r"no longer a number in epoch 1; a smaller learning rate than 0.002"):
        fit(made, RECORDS, RECIPE)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"schedule": "steps"}, "no schedule 'steps'; there are cosine, constant"),
        ({"optimiser": "lion"}, "no optimiser 'lion'; there are adamw, sgd"),
        ({"epochs": 0}, "at least 1 epoch"),
        ({"held_out": 1.0}, "held_out is a share of the records below 1, and not 1.0"),
        ({"mixed": True}, "Mixed precision is for device 'cuda', and not for 'cpu'"),
    ],
)
def test_a_recipe_that_cannot_be_followed_is_told(settings, said):
    with pytest.raises(UsageError, match=said):
        Recipe(**settings)


def test_what_cannot_be_learnt_from_is_told():
    with pytest.raises(UsageError, match="Records without targets cannot be learnt from"):
        fit(network(), READER.read(ROWS), RECIPE)
    with pytest.raises(UsageError, match="The labels maybe are none of the 2 classes"):
        ClassHead(1, ("no", "yes")).targets(np.array(["no", "maybe"], dtype=object))
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="The device 'cuda' is not there: torch sees no GPU; use device 'cpu'"):
            fit(network(), RECORDS, replace(RECIPE, device="cuda"))


def test_probabilities_can_be_the_targets():
    """What distillation needs: a network that learns from another's answers comes near to them."""
    teacher = fit(network(), RECORDS, replace(RECIPE, epochs=15)).network
    told = teacher.answers(RECORDS).astype(np.float32)
    pupil = network(seed=11)
    records = Records(RECORDS.parts, len(RECORDS), pupil.head.targets(told))
    fit(pupil, records, replace(RECIPE, epochs=25, patience=25))
    assert np.abs(pupil.answers(RECORDS) - told).mean() < 0.1


def test_the_learning_rate_rises_and_falls():
    recipe = Recipe(rate=1.0, warm_up=0.1)
    rates = [recipe.rate_at(share) for share in np.linspace(0, 1, 101)]
    assert rates[0] == pytest.approx(0.02)
    assert max(rates) == rates[10] == pytest.approx(1.0)
    assert all(later < sooner for sooner, later in pairwise(rates[10:]))
    assert rates[-1] == pytest.approx(0.01)
