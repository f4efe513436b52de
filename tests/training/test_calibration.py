"""One temperature is found where it is known, and moves little where few rows tell it."""

from __future__ import annotations

import numpy as np
import pytest

from bakeoff.training import Temperature
from bakeoff.training.calibration import log_loss


def drawn(rows: int, temperature: float, seed: int = 0):
    """Logits that are too sure by a known factor, and classes drawn from what they should be."""
    rng = np.random.default_rng(seed)
    honest = rng.normal(0, 2, (rows, 4))
    chances = np.exp(honest) / np.exp(honest).sum(axis=1, keepdims=True)
    classes = (chances.cumsum(axis=1) > rng.random((rows, 1))).argmax(axis=1)
    return honest * temperature, classes


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_the_temperature_that_was_put_in_is_found(temperature):
    logits, classes = drawn(20_000, temperature)
    assert Temperature.found(logits, classes).value == pytest.approx(temperature, rel=0.05)


def test_no_other_temperature_is_better_on_the_rows_it_was_found_on():
    logits, classes = drawn(5_000, 2.0)
    found = Temperature.found(logits, classes).value
    least = min(log_loss(logits / t, classes) for t in np.geomspace(0.2, 10, 400))
    assert log_loss(logits / found, classes) == pytest.approx(least, abs=1e-5)


def test_few_rows_move_it_less_than_many():
    logits, classes = drawn(4_000, 5.0)
    few, many = (Temperature.found(logits[:n], classes[:n]).value for n in (10, 4_000))
    assert 1.0 < few < many
    assert Temperature.found(logits[:0], classes[:0]).value == 1.0


def test_probabilities_add_up_and_one_certain_answer_stays_a_number():
    probabilities = Temperature(0.5).probabilities(np.array([[1000.0, 0.0], [1.0, 1.0]]))
    assert probabilities.tolist() == [[1.0, 0.0], [0.5, 0.5]]
