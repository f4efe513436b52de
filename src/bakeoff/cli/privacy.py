"""The commands for privacy: privacy account, and privacy fit beside it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from bakeoff.cli.options import PICTURES, Json, check_path, print_json
from bakeoff.cli.spreading import spread
from bakeoff.errors import NotFound, UsageError

if TYPE_CHECKING:
    from bakeoff.privacy.ledger import Ledger
    from bakeoff.privacy.planning import Account, Plan

privacy = typer.Typer(
    no_args_is_help=True,
    help="Private fitting, and what it costs in privacy.",
    context_settings={"help_option_names": ["-h", "--help"]},
)

_Rate = Option(
    show_default=False,
    metavar="Q",
    help="The chance with which a record is drawn for a step; or give --batch and --records.",
)
_Batch = Option(
    show_default=False, min=0, help="The records of a step on average, where --records says how many there are."
)
_Records = Option(
    show_default=False, min=0, help="The training rows that there are (owners, where whole owners are drawn)."
)
_Epochs = Option(show_default=False, min=0, help="So many times the rows, in place of --steps.")
_Sigma = Option(metavar="S", help="The noise's standard deviation divided by the clipping bound.")
_Epsilon = Option(metavar="E", help="What may be spent: the smallest sigma for it is looked for.")
_Decay = Option(show_default=False, metavar="F", help="Multiply sigma by F after every epoch; needs --epochs.")
_Owner = Option(
    show_default=False, min=0, metavar="K", help="State it for an owner with up to K records, each drawn by itself."
)
_Replace = Option("--replace-one", help="State it for one record that is replaced, not added or removed.")
_Fixed = Option("--fixed-size", help="Samples of fixed size without replacement, for one record that is replaced.")
_Micro = Option("--micro-batch", help="The mean of a micro-batch is clipped, not each record: what that really costs.")
_Best = Option(
    show_default=False, metavar="N", help="The best of N runs on average is kept, as tune does; 1 is no search."
)
_Spent = Option(metavar="E", help="An epsilon that something else spends of the same rows; may be repeated.")
_Ledger = Option(metavar="PATH", help="The ledger of a fit, as JSON, in place of a plan.")
_Plot = Option(metavar="PATH", help="Write a picture (.png, .svg or .pdf) of epsilon over the steps.")


@dataclass(frozen=True)
class StepChoices:
    """How many noisy steps there are, and who is drawn for one."""

    rate: Annotated[float, _Rate] = 0.0
    steps: Annotated[int, Option(min=0, show_default=False, help="The steps of the fit.")] = 0
    batch: Annotated[int, _Batch] = 0
    records: Annotated[int, _Records] = 0
    epochs: Annotated[float, _Epochs] = 0.0

    def rate_and_steps(self) -> tuple[float, int]:
        """The sampling rate and the number of steps; UsageError where they are not said, or said twice."""
        if bool(self.rate) == bool(self.batch):
            raise UsageError("Say who is drawn for a step: either --rate Q, or --batch B with --records N.")
        if self.batch and not self.batch <= self.records:
            raise UsageError(f"--batch {self.batch} needs --records N, with at least as many rows.")
        if bool(self.steps) == bool(self.epochs):
            raise UsageError("Say how many steps there are: either --steps T, or --epochs E.")
        rate = self.rate or self.batch / self.records
        if self.epochs and not 0 < rate <= 1:
            raise UsageError(f"--rate is {rate:g}; it is above 0 and at most 1, such as 0.01.")
        return rate, self.steps or math.ceil(self.epochs / rate - 1e-9)


@dataclass(frozen=True)
class NoiseChoices:
    """How much noise there is, or how much privacy is wanted."""

    sigma: Annotated[float | None, _Sigma] = None
    epsilon: Annotated[float | None, _Epsilon] = None
    delta: Annotated[float, Option(metavar="D", help="The chance left to more than epsilon; below 1/rows.")] = 1e-5
    decay: Annotated[float, _Decay] = 1.0


@dataclass(frozen=True)
class CaseChoices:
    """Who is protected, how records are drawn and clipped, and what else is spent."""

    per_owner: Annotated[int, _Owner] = 0
    replace_one: Annotated[bool, _Replace] = False
    fixed_size: Annotated[bool, _Fixed] = False
    micro_batch: Annotated[bool, _Micro] = False
    best_of: Annotated[float, _Best] = 1.0
    spent: Annotated[list[float] | None, _Spent] = None


@privacy.command("account")
@spread
def privacy_account(
    steps: StepChoices,
    noise: NoiseChoices,
    case: CaseChoices,
    ledger: Annotated[Path | None, _Ledger] = None,
    plot: Annotated[Path | None, _Plot] = None,
    as_json: Json = False,
) -> None:
    """Say what a private fit costs in epsilon, or how much noise a given epsilon needs."""
    from bakeoff.privacy.curves import plot_epsilon
    from bakeoff.privacy.planning import account

    check_path("--plot", plot, "epsilon.png", PICTURES)
    if ledger is not None:
        _check_alone(steps, noise, case)
        held = _read(ledger)
        rdp = held.rdp(noise.delta)
        told: dict[str, Any] = {**held.claim(noise.delta), "rdp": rdp if math.isfinite(rdp) else None}
        told["ledger"] = held.as_plain()
        lines = [*(f"  {entry}" for entry in held.entries), _said(told["epsilon"], rdp, noise.delta, held)]
    else:
        plan = _plan(steps, noise, case)
        found = account(plan, noise.delta, sigma=noise.sigma, epsilon=noise.epsilon)
        held, told = found.ledger, {**found.as_plain(), "rate": plan.rate, "steps": plan.steps}
        lines = list(_lines(plan, found))
    if plot is not None:
        typer.echo(f"Wrote {plot_epsilon(held, noise.delta, plot)}", err=True)
    if as_json:
        print_json(told)
        return
    typer.echo("\n".join(lines))


def _plan(steps: StepChoices, noise: NoiseChoices, case: CaseChoices) -> Plan:
    from bakeoff.privacy.budget import Budget
    from bakeoff.privacy.planning import Plan
    from bakeoff.privacy.schedule import decaying

    rate, count = steps.rate_and_steps()
    if steps.records:
        Budget(noise.epsilon or 1.0, noise.delta, "owner" if case.per_owner else "record").check(steps.records)
    shape = None
    if noise.decay != 1:
        if not steps.epochs:
            raise UsageError(
                f"--decay {noise.decay:g} multiplies sigma after every epoch; say how many with --epochs E."
            )
        shape = decaying(math.ceil(steps.epochs), noise.decay)
    return Plan(
        rate,
        count,
        shape,
        together=case.per_owner,
        fixed=case.fixed_size,
        replace=case.replace_one,
        micro_batch=case.micro_batch,
        best_of=case.best_of,
        spent=tuple(case.spent or ()),
    )


def _check_alone(steps: StepChoices, noise: NoiseChoices, case: CaseChoices) -> None:
    if (steps, case) != (StepChoices(), CaseChoices()) or (noise.sigma, noise.epsilon) != (None, None):
        raise UsageError(
            "--ledger says what was done; leave out what plans a fit, such as --rate, --sigma and --steps."
        )


def _read(path: Path) -> Ledger:
    from bakeoff.privacy.ledger import Ledger

    if not path.is_file():
        raise NotFound(f"There is no file {str(path)!r}; name the JSON file that holds a ledger.")
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{str(path)!r} is no JSON: {error}.") from None
    return Ledger.of_plain(plain.get("ledger", plain) if isinstance(plain, dict) else plain)


def _lines(plan: Plan, found: Account) -> Iterable[str]:
    drawn = "samples of fixed size, a share" if plan.fixed else "Poisson samples at a rate"
    clipped = "clipped micro-batches" if plan.micro_batch else "clipped records"
    kept = f", and the best of {plan.best_of:g} such runs on average" if plan.best_of > 1 else ""
    varied = ", falling as planned" if plan.shape else ""
    yield (
        f"{plan.steps:,} steps over {drawn} of {plan.rate:.4g}, noise of {found.sigma:.5g} times the bound{varied}, "
        f"{clipped}{kept}:"
    )
    yield _said(found.epsilon, found.rdp, found.delta, found.ledger)
    if found.published is not None:
        yield (
            "One record moves the clipped mean of its micro-batch by up to twice the bound. Taking a micro-batch for a "
            f"record, one would claim {found.published:.4g}, which does not hold."
        )


def _said(epsilon: float, rdp: float, delta: float, ledger: Ledger) -> str:
    how = "is replaced" if ledger.neighbours.value.startswith("replace") else "comes or goes"
    return (
        f"epsilon {epsilon:.4g} at delta {delta:g}, when one {ledger.unit} {how} (by Renyi divergences, which are "
        f"looser, {rdp:.4g})"
    )
