"""White-box audits of whole fits: sound ones pass every check, and each planted bug is named by one of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("dp_accounting", reason="dp-accounting is not installed; pip install 'bakeoff[privacy]'")

from private_made import Small, records_of  # noqa: E402
from torch import nn  # noqa: E402

from bakeoff.errors import UsageError  # noqa: E402
from bakeoff.privacy import Ledger, Noise, PrivateSettings, PrivateSGD, PrivateStep, poisson, private  # noqa: E402
from bakeoff.privacy.clipping import Automatic, Flat, Layerwise, Quantile  # noqa: E402
from bakeoff.privacy.whitebox import Canaries, audit_fit, audit_white_box  # noqa: E402
from bakeoff.privacy.whitebox.reports import Word  # noqa: E402
from bakeoff.training.recipe import Recipe  # noqa: E402
from bakeoff.training.records import Records  # noqa: E402

COUNT = 600
RECIPE = Recipe(epochs=6, batch=60, optimiser="sgd", rate=0.1, clip=0.0, held_out=0.0, decay=0.0)
FOUR, EIGHT = 1.33, 0.9  # sigmas for about these epsilons


class Plain(nn.Module):
    """Classes from numbers."""

    mixed = False

    def __init__(self, width):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Linear(12, width), nn.Linear(width, 3)

    def losses(self, batch):
        answers = self.second(torch.tanh(self.first(batch.inputs["x"]["x"])))
        return nn.functional.cross_entropy(answers, batch.targets, reduction="none")


def rows(count=300):
    random = np.random.default_rng(1)
    return random.normal(size=(count, 12)).astype(np.float32), random.integers(0, 3, count)


def audited(count=COUNT, kind="dirac", sees="steps", step=PrivateStep, **settings):
    """A fit by the regime, with noise for about epsilon 4 where nothing else is asked for."""
    inputs, targets = rows()
    regime = PrivateSGD(Ledger(), PrivateSettings(**{"sigma": FOUR, "seed": 5, "clipping": Flat(1.0), **settings}))
    regime.step = step(regime.ledger, regime.settings)
    records = Records({"x": {"x": inputs}}, len(inputs), targets)
    network = Plain(80 if count < 1000 else 400)
    return audit_fit(network, records, RECIPE, regime, delta=1e-4, canaries=Canaries(count, kind, sees, seed=7))


def run_of(network=None, epsilon=4.0, **changed):
    torch.manual_seed(0)
    network = network or nn.Sequential(nn.Linear(12, 80), nn.Tanh(), nn.Linear(80, 3))
    return private(network, epsilon, 1e-4, **{"batch": 60, "epochs": 6, "seed": 3, **changed})


CLIPPINGS = {
    "automatic": Automatic(0.5),
    "flat": Flat(2.0),
    "layer-wise": Layerwise(1.0),
    "quantile": Quantile(bound=0.7),
}


@pytest.mark.parametrize("clipping", CLIPPINGS.values(), ids=CLIPPINGS)
@pytest.mark.parametrize("kind", ["dirac", "random"])
def test_a_sound_fit_is_not_contradicted_and_passes_every_check(clipping, kind):
    found = audited(200, kind, clipping=clipping)  # so few that both layers have room, where they are bounded apart
    assert found.verdict is Word.NOT_CONTRADICTED
    assert found.problems == () and len(found.checks) == 4
    assert 0 <= found.bound < found.claim < found.ceiling
    assert 3.5 < found.claim < 4.7


def test_what_is_seen_of_the_end_alone_tells_less_or_as_much():
    found = audited(sees="final")
    assert found.checks == () and found.verdict is Word.NOT_CONTRADICTED
    right, guesses = found.tried[0]
    assert right > 0.6 * guesses  # the weights do tell who was there


def test_a_fit_without_privacy_for_its_canaries_is_seen_through():
    found = audited(sigma=0.2)
    (right, guesses), _ = found.tried  # with so little noise all canaries are guessed
    assert found.claim > 100 and right > 0.95 * guesses and guesses == COUNT and found.bound > 5


def test_the_bound_of_a_private_run_is_half_of_the_theory_at_epsilon_four():
    torch.manual_seed(2)
    wide = nn.Sequential(nn.Linear(12, 1000), nn.Tanh(), nn.Linear(1000, 3))
    run = private(wide, 4.0, 1e-5, batch=100, epochs=10, optimiser="sgd", rate=0.1, seed=3)
    found = audit_white_box(run, *rows(), canaries=Canaries(seed=4))
    assert found.canaries == 16_003 and found.delta == 1e-5
    assert 2.0 <= found.bound < found.claim  # 2.6 is to be expected, with a deviation of 0.1
    assert found.problems == ()


def test_parts_of_batches_are_audited_too():
    assert audited(physical=17).problems == ()


def test_owners_of_a_private_run_are_audited():
    inputs, targets = rows()
    run = run_of(unit="owner", batch=40)
    found = audit_white_box(run, inputs, targets, owners=np.repeat(np.arange(150), 2), canaries=Canaries(COUNT, seed=7))
    assert found.problems == () and found.verdict is Word.NOT_CONTRADICTED


def texts(count=150, units=None):
    recipe = replace(RECIPE, batch=40, rate=0.05)
    regime = PrivateSGD(Ledger(), PrivateSettings(sigma=1.4, seed=5, units=units))
    return audit_fit(Small(), records_of(200), recipe, regime, delta=1e-4, canaries=Canaries(count, seed=7))


def test_a_network_of_words_is_audited_with_its_table_and_its_padding_left_alone():
    found = texts(count=0)
    weights = sum(parameter.numel() for parameter in Small().parameters())
    assert found.canaries == weights - 6  # every weight but the padding's
    assert found.problems == () and found.bound < found.claim


def test_texts_of_owners_are_audited():
    found = texts(units=np.arange(200) // 2)
    assert found.problems == () and found.bound < found.claim


def test_the_report_reads_as_words_and_as_json():
    found = audited()
    assert "epsilon is at least" in str(found) and "at delta 0.0001; 600 canaries could show" in str(found)
    plain = found.as_plain()
    assert plain["verdict"] == "not contradicted" and plain["canaries"] == COUNT and len(plain["checks"]) == 4
    assert "drawn from a seed" in plain["broken"][0]


# ---- planted bugs, each with the check that names it; the honest twins are above -------------------------------------


def problems(found, *words):
    assert any(all(word in problem for word in words) for problem in found.problems), found.problems


def test_noise_that_is_off_is_contradicted(monkeypatch):
    monkeypatch.setattr(Noise, "add", lambda self, target, deviation: None)
    found = audited()
    assert found.verdict is Word.CONTRADICTED
    assert found.bound == pytest.approx(found.ceiling)
    problems(found, "noise over what is stated is 0.000")


def test_a_third_of_the_noise_is_contradicted(monkeypatch):
    whole = Noise.add
    monkeypatch.setattr(Noise, "add", lambda self, target, deviation: whole(self, target, deviation / 3))
    found = audited(sigma=EIGHT, count=4000)
    assert found.verdict is Word.CONTRADICTED and found.bound > found.claim
    problems(found, "noise over what is stated is 0.33")


def test_noise_a_twentieth_too_small_is_named(monkeypatch):
    whole = Noise.add
    monkeypatch.setattr(Noise, "add", lambda self, target, deviation: whole(self, target, 0.95 * deviation))
    problems(audited(count=1200), "noise over what is stated is 0.9")


def test_noise_that_is_missing_in_one_layer_is_named(monkeypatch):
    whole = Noise.add

    def some(self, target, deviation):
        if target.shape != (3, 80):
            whole(self, target, deviation)

    monkeypatch.setattr(Noise, "add", some)
    problems(audited(), "noise over what is stated is 0.9")


def test_noise_that_is_used_again_is_named(monkeypatch):
    def same(self, target, deviation):
        if deviation:
            random = torch.Generator().manual_seed(target.numel())
            target.add_(torch.randn(target.shape, generator=random), alpha=deviation)

    monkeypatch.setattr(Noise, "add", same)
    problems(audited(), "likeness of two steps' noise is", "used more than once")


@pytest.mark.parametrize("clipping", [Flat, Automatic, Layerwise])
def test_a_clip_that_is_doubled_is_named(clipping):
    class Doubled(clipping):
        def factors(self, norms):
            return 2 * super().factors(norms)

    found = audited(sigma=0.8, clipping=Doubled(1.0))
    problems(found, "a record's part over what is stated is", "not cut to their bound")


def test_a_clip_that_is_tripled_is_contradicted_by_its_bound():
    class Tripled(Flat):
        def factors(self, norms):
            return 3 * super().factors(norms)

    found = audited(4000, sigma=EIGHT, clipping=Tripled(1.0))
    assert found.verdict is Word.CONTRADICTED and found.bound > found.claim


def test_no_clip_at_all_is_contradicted():
    class Endless(Flat):
        def factors(self, norms):
            return torch.ones_like(norms)

    assert audited(clipping=Endless(1.0)).verdict is Word.CONTRADICTED


def test_a_wrong_rate_in_the_ledger_is_named():
    class Flattering(PrivateStep):
        def sampled(self, rate, divisor=0.0, steps=0):
            super().sampled(0.7 * rate, divisor, steps)

    problems(audited(step=Flattering), "share of records drawn over the stated rate is 1.4", "another rate")


def test_records_that_are_always_drawn_are_contradicted(monkeypatch):
    monkeypatch.setattr(poisson, "poisson", lambda random, count, rate: np.arange(count))
    found = audited()
    assert found.verdict is Word.CONTRADICTED
    problems(found, "share of records drawn over the stated rate is 5.000")


def test_noise_before_clipped_sums_are_complete_counts_as_noise():
    class Twice(PrivateStep):
        def finish(self, network):
            super().finish(network)
            for parameter in self.book.parameters.values():
                self.noise.add(parameter.grad, self.settings.sigma * self.clipping.sensitivity / self._divisor)

    problems(audited(step=Twice), "noise over what is stated is 1.4")


# ---- what cannot be audited ------------------------------------------------------------------------------------------


def test_a_network_without_room_says_how_many_canaries_it_holds():
    with pytest.raises(UsageError, match=r"room for 6403 gradient canaries.* 50000 were asked for; at least 20"):
        audited(50_000)
    with pytest.raises(UsageError, match="no gradient canaries of kind 'tall'; there are dirac and random"):
        audited(kind="tall")


def test_a_run_that_has_begun_is_refused():
    run = run_of(epochs=1)
    audit_white_box(run, *rows(), canaries=100)
    with pytest.raises(UsageError, match="audit a new private"):
        audit_white_box(run, *rows(), canaries=100)

    class Begun(PrivateStep):
        def __init__(self, *given):
            super().__init__(*given)
            self.taken = 1

    with pytest.raises(UsageError, match="audit a new one"):
        audited(step=Begun)


def test_no_records_are_named():
    with pytest.raises(UsageError, match="no record"):
        audit_white_box(run_of(records=10, epochs=1, batch=5), torch.zeros(0, 12), torch.zeros(0).long(), canaries=100)
