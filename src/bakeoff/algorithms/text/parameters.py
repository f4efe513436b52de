"""scikit-learn's `get_params` and `set_params` for the estimators of this package."""

from __future__ import annotations

import inspect
from typing import Any, Self

from bakeoff.errors import Declined, UsageError
from bakeoff.nouns import Schema

THREADS = 1


class Estimator:
    """Parameters are what `__init__` takes by name; the name of what is learnt ends in an underscore."""

    @classmethod
    def _names(cls) -> list[str]:
        given = inspect.signature(cls.__init__).parameters.values()
        return [one.name for one in given if one.kind is one.KEYWORD_ONLY]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name."""
        return {name: getattr(self, name) for name in self._names()}

    def set_params(self, **parameters: Any) -> Self:
        """Change parameters; ValueError for a name that there is none of."""
        for name, value in parameters.items():
            if name not in self._names():
                raise ValueError(f"{type(self).__name__} has no parameter {name!r}; it has {', '.join(self._names())}.")
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({given})"


def only(kind: str, schema: Schema | None, name: str) -> None:
    """Declined when the task is of another kind than the entry is for."""
    if schema is not None and schema.kind != kind:
        raise Declined(f"The baseline {name!r} is for tasks of {kind}; this task is one of {schema.kind}.")


def fitted(estimator: Any, learnt: str) -> Any:
    """The learnt attribute; UsageError before fit."""
    if not hasattr(estimator, learnt):
        raise UsageError(f"This {type(estimator).__name__} has learnt nothing yet; call fit(X, y) first.")
    return getattr(estimator, learnt)


def seed_of(random_state: int | None, schema: Schema | None) -> int:
    """The seed: the estimator's own, or else the schema's, or else 0."""
    if random_state is not None:
        return int(random_state)
    return schema.seed if schema else 0


def threads_of(schema: Schema | None) -> int:
    """How many threads may be used."""
    return schema.threads if schema else THREADS


def budget_of(time_limit: float | None, schema: Schema | None) -> float:
    """Seconds that fit and predict may take together: the estimator's own limit, or the schema's; 0 for no limit."""
    if time_limit is not None:
        return float(time_limit)
    return schema.time_budget if schema else 0.0
