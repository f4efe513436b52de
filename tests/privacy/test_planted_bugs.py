"""Each bug that has broken a private library is planted in ours by a small change, and caught; without it all is well.

The change is always to the real thing, and the detectors look from outside, so that they would catch ours as well.
"""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("dp_accounting")

from detectors import Caught, check_noise, check_sampling, check_sensitivity  # noqa: E402

from bakeoff.errors import UsageError  # noqa: E402
from bakeoff.privacy import Ledger, microbatch, poisson  # noqa: E402
from bakeoff.privacy.clipping import Automatic, Flat, Layerwise  # noqa: E402
from bakeoff.privacy.microbatch import MicroBatchSettings, MicroBatchStep  # noqa: E402
from bakeoff.privacy.noise import Noise  # noqa: E402
from bakeoff.privacy.regime import PrivateSettings, PrivateSGD, PrivateStep  # noqa: E402
from bakeoff.privacy.rules.linear import LinearRule  # noqa: E402

CLIPPINGS = {"flat": Flat, "automatic": Automatic, "layer-wise": Layerwise}


def private(sigma, clipping=Flat, step=PrivateStep):
    return step(Ledger(), PrivateSettings(sigma=sigma, clipping=clipping(0.5), seed=3))


def micro(sigma, parts=1):
    return MicroBatchStep(Ledger(), MicroBatchSettings(sigma=sigma, parts=parts, clipping=Flat(0.5), seed=3))


# ---- the clean twins -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("clipping", CLIPPINGS.values(), ids=CLIPPINGS)
def test_a_record_moves_the_sum_no_further_than_the_ledger_says(clipping):
    worst = check_sensitivity(lambda sigma: private(sigma, clipping))
    assert worst > 0.9  # or the neighbours would be too tame to catch anything


def test_a_record_moves_clipped_means_no_further_than_their_honest_ledger_says():
    assert check_sensitivity(micro) > 0.9


@pytest.mark.parametrize("clipping", CLIPPINGS.values(), ids=CLIPPINGS)
def test_noise_has_the_deviation_that_was_asked_for(clipping):
    check_noise(lambda sigma: private(sigma, clipping))


def test_noise_of_micro_batches_has_the_deviation_that_was_asked_for():
    check_noise(lambda sigma: micro(sigma, parts=3))


def test_batches_are_poisson_samples_at_the_rate_in_the_ledger():
    check_sampling(PrivateSGD(Ledger(), PrivateSettings(sigma=1.0, seed=5)))


# ---- the bugs --------------------------------------------------------------------------------------------------------


def test_noise_that_is_off_is_caught(monkeypatch):
    monkeypatch.setattr(Noise, "add", lambda self, target, deviation: None)
    with pytest.raises(Caught, match=r"noise has 0\.000 times"):
        check_noise(private)


@pytest.mark.parametrize("share", [0.95, 1.05])
def test_noise_that_is_five_in_a_hundred_off_is_caught(monkeypatch, share):
    whole = Noise.add
    monkeypatch.setattr(Noise, "add", lambda self, target, deviation: whole(self, target, share * deviation))
    with pytest.raises(Caught, match="times the deviation"):
        check_noise(private)


def test_noise_of_every_physical_batch_is_caught():
    class EachPart(PrivateStep):
        def gradient(self, network, batch):
            super().gradient(network, batch)
            once = [parameter.grad.clone() for parameter in network.parameters()]
            super().gradient(network, batch)
            for parameter, first in zip(network.parameters(), once, strict=True):
                parameter.grad = parameter.grad + first

    with pytest.raises(Caught, match=r"1\.4\d\d times the deviation"):
        check_noise(lambda sigma: private(sigma, step=EachPart))


@pytest.mark.parametrize("clipping", CLIPPINGS.values(), ids=CLIPPINGS)
def test_a_clip_that_is_doubled_is_caught(clipping):
    class Doubled(clipping):
        def factors(self, norms):
            return 2 * super().factors(norms)

    with pytest.raises(Caught, match=r"(1\.9|2\.0)\d\d times"):
        check_sensitivity(lambda sigma: private(sigma, Doubled))


def test_a_clipped_mean_of_a_micro_batch_with_the_published_sigma_is_caught(monkeypatch):
    monkeypatch.setattr(microbatch, "TIMES", 1)
    with pytest.raises(Caught, match=r"(1\.9|2\.0)\d\d times"):
        check_sensitivity(micro)


def test_a_wrong_rate_in_the_ledger_is_caught():
    class Flattering(PrivateStep):
        def sampled(self, rate, divisor=0.0, steps=0):
            super().sampled(0.8 * rate, divisor, steps)

    regime = PrivateSGD(Ledger(), PrivateSettings(sigma=1.0, seed=5))
    regime.step = Flattering(regime.ledger, regime.settings)
    with pytest.raises(Caught, match=r"drawn at each step, and the ledger says 0\.0800"):
        check_sampling(regime)


def test_shuffled_batches_that_are_called_poisson_samples_are_caught(monkeypatch):
    shuffled = lambda random, count, rate: random.permutation(count)[: round(rate * count)]  # noqa: E731
    monkeypatch.setattr(poisson, "poisson", shuffled)
    regime = PrivateSGD(Ledger(), PrivateSettings(sigma=1.0, seed=5))
    with pytest.raises(Caught, match=r"vary 0\.000 times"):
        check_sampling(regime)


def test_a_bias_that_is_left_out_of_the_norm_is_caught(monkeypatch):
    whole = LinearRule.squared_norms

    def without_bias(self, module, uses, records):
        return {name: found for name, found in whole(self, module, uses, records).items() if name != "bias"}

    monkeypatch.setattr(LinearRule, "squared_norms", without_bias)
    # The engine's own check before the first step may be the first to see it.
    with pytest.raises((Caught, UsageError)):
        check_sensitivity(private)


def test_a_divisor_that_depends_on_the_batch_is_caught():
    class Realised(PrivateStep):
        def add(self, network, batch, units=None):
            self._divisor = float(len(batch))
            super().add(network, batch, units)

    with pytest.raises(Caught, match=r"1\.[5-9]\d\d times"):
        check_sensitivity(lambda sigma: private(sigma, step=Realised))


def test_the_neighbours_hold_a_record_more():
    from detectors import neighbours

    sizes = np.array([(len(more), len(less)) for more, less in neighbours()])
    assert (sizes[:, 0] - sizes[:, 1] == 1).all()
