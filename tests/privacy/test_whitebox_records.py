"""Canaries that are records: a network that learns them by heart is seen through, an honest private one is not."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("dp_accounting", reason="dp-accounting is not installed; pip install 'bakeoff[privacy]'")

from torch import nn  # noqa: E402

from bakeoff.errors import UsageError  # noqa: E402
from bakeoff.privacy import Canaries, Noise, audit_with_records, private, strange_records  # noqa: E402
from bakeoff.privacy.whitebox.reports import Word  # noqa: E402


def rows(count=200):
    random = torch.Generator().manual_seed(1)
    inputs = torch.randn(count, 12, generator=random)
    return inputs, (inputs[:, 0] > 0).long() + (inputs[:, 1] > 0).long()


def numbers_net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(12, 100), nn.Tanh(), nn.Linear(100, 3))


def audited(epsilon=1.0, sees="steps", network=None, inputs=None, targets=None, epochs=25):
    if inputs is None:
        inputs, targets = rows()
    run = private(network or numbers_net(), epsilon, 1e-5, batch=200, epochs=epochs, rate=0.05, seed=3)
    strange = strange_records(inputs, targets, 200, seed=4)
    return audit_with_records(run, inputs, targets, strange, canaries=Canaries(sees=sees, seed=5))


@pytest.mark.parametrize("sees", ["steps", "final"])
def test_noise_that_is_off_is_contradicted_by_records_learnt_by_heart(monkeypatch, sees):
    with monkeypatch.context() as off:
        off.setattr(Noise, "add", lambda self, target, deviation: None)
        found = audited(sees=sees)
    assert found.verdict is Word.CONTRADICTED and found.bound > found.claim


def test_an_honest_fit_is_not_contradicted():
    found = audited()
    assert found.verdict is Word.NOT_CONTRADICTED and found.bound <= found.claim
    assert found.canaries == 200 and found.checks == ()


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.table, self.out = nn.Embedding(500, 24), nn.Linear(24, 3)

    def forward(self, words):
        return self.out(self.table(words).mean(1))


def test_texts_of_any_words_with_any_label_are_learnt_by_heart_without_noise(monkeypatch):
    random = torch.Generator().manual_seed(2)
    words = torch.randint(1, 500, (200, 6), generator=random)
    labels = words[:, 0] % 3
    strange, classes = strange_records(words, labels, 50, seed=1)
    assert strange.shape == (50, 6) and strange.dtype == words.dtype and int(strange.min()) >= 1
    assert set(classes.tolist()) <= set(labels.tolist())
    monkeypatch.setattr(Noise, "add", lambda self, target, deviation: None)
    assert audited(network=Words(), inputs=words, targets=labels).verdict is Word.CONTRADICTED


def test_strange_records_are_far_from_all_others_in_the_same_form():
    inputs, targets = rows()
    made, labels = strange_records({"a": inputs, "b": inputs[:, :2].numpy()}, targets, 400, seed=0)
    assert set(made) == {"a", "b"} and made["b"].shape == (400, 2) and labels.shape == (400,)
    spread = (made["a"] - inputs.mean(0)).std(0) / inputs.std(0)
    np.testing.assert_allclose(spread.numpy(), 3.0, rtol=0.25)
    again, _ = strange_records({"a": inputs, "b": inputs[:, :2].numpy()}, targets, 400, seed=0)
    assert torch.equal(made["a"], again["a"])
    far, numbers = strange_records(inputs, inputs[:, 0], 10, seed=0)
    assert far.shape == (10, 12) and numbers.shape == (10,)


def test_what_cannot_be_is_named():
    inputs, targets = rows()
    with pytest.raises(UsageError, match="10 canaries show nothing"):
        audit_with_records(private(numbers_net()), inputs, targets, (inputs[:10], targets[:10]))
    with pytest.raises(UsageError, match="different forms"):
        audit_with_records(
            private(numbers_net(), epochs=1, batch=100), inputs, targets, (torch.zeros(50, 3), torch.zeros(50).long())
        )
    with pytest.raises(UsageError, match="0 strange records"):
        strange_records(inputs, targets, 0)
