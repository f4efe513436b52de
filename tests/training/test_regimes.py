"""The two seams hold what private and federated training need: both are written here against the protocol alone."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from neural import torch
from rows_made import ENCODERS, frame, labels_of, shaken
from torch.func import functional_call, grad, vmap

from bakeoff.errors import UsageError
from bakeoff.training import Plain, Preparation, Recipe, Records, TableNetwork, TableReader, fit
from bakeoff.training.fitting import Fitting
from bakeoff.training.heads import ClassHead
from bakeoff.training.network import TrunkShape
from bakeoff.training.regimes import GradientStep, MeanGradient, Moved, OuterLoop, Stateless
from bakeoff.training.seeding import seeded

ROWS = frame(60, gaps=0.1)
CHOSEN = ("numbers, piecewise", "categories", "bag", "recurrent")
READER = TableReader([ENCODERS[name]() for name in CHOSEN]).learn(ROWS, Preparation())
RECORDS = READER.read(ROWS, ClassHead(1, ("no", "yes")).targets(labels_of(ROWS)))
SGD = Recipe(epochs=3, batch=60, rate=0.3, decay=0.0, clip=0.0, held_out=0.0, optimiser="sgd", schedule="constant")


def network(dropout: float = 0.0, reader: TableReader = READER) -> TableNetwork:
    with seeded(0):
        trunk = TrunkShape(width=12, depth=1, dropout=dropout, entry=dropout)
        return TableNetwork(reader.encoders, trunk, ClassHead(12, ("no", "yes")))


def weights(made) -> np.ndarray:
    return np.concatenate([held.detach().numpy().ravel() for held in made.state_dict().values()])


class SlowPrivate:
    """Each record's gradient by torch.func, shortened to `bound`; their sum and noise, divided by the batch's goal."""

    def __init__(self, bound: float, noise: float) -> None:
        self.bound, self.noise, self.calls = bound, noise, 0
        self.sizes: list[int] = []

    def begin(self, network: Any, recipe: Recipe) -> None:
        if any("BatchNorm" in type(module).__name__ for module in network.modules()):
            raise UsageError("BatchNorm mixes records, so that none's part can be bounded.")
        network.plain_operations()
        self.goal = recipe.batch
        self.random = torch.Generator().manual_seed(recipe.seed)

    def each(self, network: Any, batch: Any) -> dict[str, Any]:
        held = {name: parameter.detach() for name, parameter in network.named_parameters()}

        def loss(parameters, inputs, target):
            one = {key: {part: held.unsqueeze(0) for part, held in parts.items()} for key, parts in inputs.items()}
            outputs = functional_call(network, parameters, (one,))
            return network.head.losses(outputs, target.unsqueeze(0))[0]

        return vmap(grad(loss), in_dims=(None, 0, 0), randomness="different")(held, batch.inputs, batch.targets)

    def gradient(self, network: Any, batch: Any) -> float | None:
        self.calls += 1
        self.sizes.append(len(batch))
        found = self.each(network, batch) if len(batch) else {}
        norms = sum(one.flatten(1).pow(2).sum(1) for one in found.values()) ** 0.5 if found else None
        for name, parameter in network.named_parameters():
            total = torch.zeros_like(parameter)
            if found:
                factors = (self.bound / norms.clamp(min=1e-12)).clamp(max=1.0)
                total = torch.einsum("r,r...->...", factors, found[name])
            if self.noise:
                total = total + torch.randn(total.shape, generator=self.random) * self.noise * self.bound
            parameter.grad = total / self.goal
        return None

    def state(self):
        return {"calls": self.calls, "random": self.random.get_state()}

    def restore(self, state) -> None:
        self.calls = state["calls"]
        self.random.set_state(state["random"])


@dataclass
class Poisson(Stateless):
    """Every record is in each batch by its own coin; a batch may hold none."""

    share: float
    steps: int

    def rounds(self, fitting, epoch):
        for step in range(self.steps):
            drawn = np.flatnonzero(fitting.random(epoch, step).random(len(fitting.records)) < self.share)
            loss = fitting.step.gradient(fitting.network, fitting.batch(drawn))
            fitting.update()
            yield Moved(round(self.share * len(fitting.records)), loss)

    def goes_on(self, history, recipe) -> bool:
        return True


class TwoClients(Stateless):
    """Each round two clients take local steps from the same weights; the mean of where they came to is the next."""

    def __init__(self, steps: int, rate: float) -> None:
        self.steps, self.rate = steps, rate

    def rounds(self, fitting, epoch):
        halves = np.array_split(np.arange(len(fitting.records)), 2)
        before = [parameter.detach().clone() for parameter in fitting.network.parameters()]
        walked = [torch.zeros_like(held) for held in before]
        for positions in halves:
            with torch.no_grad():
                for parameter, held in zip(fitting.network.parameters(), before, strict=True):
                    parameter.copy_(held)
            for _ in range(self.steps):
                fitting.step.gradient(fitting.network, fitting.batch(positions))
                with torch.no_grad():
                    for parameter in fitting.network.parameters():
                        parameter.sub_(self.rate * parameter.grad)
                        parameter.grad = None
            walked = [
                total + (held - parameter.detach()) / 2
                for total, parameter, held in zip(walked, fitting.network.parameters(), before, strict=True)
            ]
        with torch.no_grad():
            for parameter, held, total in zip(fitting.network.parameters(), before, walked, strict=True):
                parameter.copy_(held)
                parameter.grad = total
        fitting.update()
        yield Moved(len(fitting.records))

    def goes_on(self, history, recipe) -> bool:
        return True


@dataclass(frozen=True)
class Made:
    """A regime of two given parts."""

    step: GradientStep
    outer: OuterLoop


def test_unbounded_gradients_of_every_record_move_the_weights_as_the_plain_regime_does():
    plain = fit(network(), RECORDS, SGD).network
    private = Made(SlowPrivate(math.inf, 0.0), Poisson(1.0, 1))
    other = fit(network(), RECORDS, SGD, regime=private).network
    assert np.allclose(weights(plain), weights(other), atol=1e-5)
    assert not np.allclose(weights(plain), weights(network()), atol=1e-3)


@pytest.mark.parametrize("name", ENCODERS)
def test_gradients_of_single_records_are_those_of_the_slow_loop(name):
    reader = TableReader([ENCODERS[name]()]).learn(ROWS, Preparation())
    made = shaken(network(reader=reader), torch)
    records = reader.read(ROWS, RECORDS.targets)
    step = SlowPrivate(1.0, 0.0)
    step.begin(made, SGD)
    some = np.array([3, 11, 27, 40])
    found = step.each(made, records.batch(some))
    made.plain_operations(False)
    for place, position in enumerate(some):
        made.zero_grad()
        made.losses(records.batch(np.array([position]))).sum().backward()
        for key, parameter in made.named_parameters():
            wanted = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            assert torch.allclose(found[key][place], wanted, atol=2e-4, rtol=1e-3), key


def test_one_record_moves_the_gradient_by_no_more_than_its_bound():
    made = shaken(network(), torch)
    step = SlowPrivate(0.05, 0.0)
    step.begin(made, SGD)

    def gradient(positions):
        step.gradient(made, RECORDS.batch(np.array(positions, dtype=np.int64)))
        return np.concatenate([parameter.grad.numpy().ravel() for parameter in made.parameters()])

    everybody = list(range(30))
    whole = gradient(everybody)
    moved = [np.linalg.norm(whole - gradient([p for p in everybody if p != left])) for left in range(0, 30, 3)]
    assert max(moved) <= 0.05 / SGD.batch * (1 + 1e-4)
    assert max(moved) > 0.9 * 0.05 / SGD.batch
    step.bound = math.inf  # the partner: without a bound some record moves it further
    whole = gradient(everybody)
    unbounded = [np.linalg.norm(whole - gradient([p for p in everybody if p != left])) for left in range(0, 30, 3)]
    assert max(unbounded) > 2 * 0.05 / SGD.batch


def test_batches_without_a_record_take_a_step_of_noise():
    step = SlowPrivate(1.0, 1.0)
    fitted = fit(network(0.2), RECORDS, replace(SGD, epochs=2), regime=Made(step, Poisson(0.01, 6)))
    assert 0 in step.sizes
    assert max(step.sizes) > 0
    assert step.calls == 12
    assert np.isfinite(weights(fitted.network)).all()
    nothing = SlowPrivate(1.0, 1.0)
    moved = fit(network(), RECORDS, replace(SGD, epochs=1), regime=Made(nothing, Poisson(0.0, 1))).network
    assert nothing.sizes == [0]
    assert not np.array_equal(weights(moved), weights(network()))


def test_two_clients_with_one_step_each_are_one_plain_step():
    plain = fit(network(), RECORDS, replace(SGD, warm_up=0.0)).network
    server = replace(SGD, rate=1.0, warm_up=0.0)
    one, four = (
        fit(network(), RECORDS, server, regime=Made(MeanGradient(), TwoClients(steps, SGD.rate))).network
        for steps in (1, 4)
    )
    assert np.allclose(weights(plain), weights(one), atol=1e-5)
    assert not np.allclose(weights(plain), weights(four), atol=1e-3)


def test_a_private_step_runs_inside_a_federated_loop():
    step = SlowPrivate(0.5, 0.1)
    regime = Made(step, TwoClients(2, 0.1))
    fitted = fit(network(), RECORDS, replace(SGD, rate=1.0), regime=regime)
    assert step.sizes == [30] * 12
    assert fitted.history.stopped == "epochs"
    assert [epoch.loss for epoch in fitted.history.epochs] == [None] * 3


def test_a_regime_may_refuse_a_network():
    made = network()
    made.trunk.blocks.append(torch.nn.BatchNorm1d(12))
    with pytest.raises(UsageError, match="BatchNorm mixes records"):
        fit(made, RECORDS, SGD, regime=Made(SlowPrivate(1.0, 1.0), Poisson(0.5, 2)))


def test_a_regimes_state_is_kept_in_checkpoints(tmp_path):
    class Stop(Exception):
        pass

    def stop(epoch):
        if epoch.number == 1:
            raise Stop

    recipe = replace(SGD, epochs=4)
    whole = SlowPrivate(0.5, 0.3)
    wanted = fit(network(), RECORDS, recipe, regime=Made(whole, Poisson(0.2, 3)))
    with pytest.raises(Stop):
        interrupted = Made(SlowPrivate(0.5, 0.3), Poisson(0.2, 3))
        fit(network(), RECORDS, recipe, regime=interrupted, checkpoint=tmp_path / "c.pt", watcher=stop)
    step = SlowPrivate(0.5, 0.3)
    found = fit(network(), RECORDS, recipe, regime=Made(step, Poisson(0.2, 3)), checkpoint=tmp_path / "c.pt")
    assert step.calls == whole.calls == 12
    assert len(step.sizes) == 6
    assert np.array_equal(weights(wanted.network), weights(found.network))


def test_a_fit_in_progress_is_what_the_protocol_says():
    fitting = Fitting(network(), RECORDS, SGD, MeanGradient())
    for name in ("network", "records", "recipe", "step", "batch", "random", "update"):
        assert hasattr(fitting, name)
    assert fitting.random(1, 2).random() == fitting.random(1, 2).random() != fitting.random(1, 3).random()
    assert isinstance(Plain().step, MeanGradient)


def test_shuffled_batches_hold_every_record_once_and_records_of_like_length_together():
    from bakeoff.training.records import Ragged
    from bakeoff.training.regimes import shuffled

    lengths = np.random.default_rng(0).integers(1, 100, 500)
    records = Records({"t": {"tokens": Ragged.of([[1] * n for n in lengths], np.int64)}}, 500)
    batches = shuffled(records, 20, np.random.default_rng(1))
    assert sorted(np.concatenate(batches).tolist()) == list(range(500))
    spread = np.mean([np.ptp(lengths[batch]) for batch in batches])
    assert spread < 0.2 * np.ptp(lengths)
    other = shuffled(records, 20, np.random.default_rng(2))
    assert not np.array_equal(np.sort(batches[0]), np.sort(other[0]))
