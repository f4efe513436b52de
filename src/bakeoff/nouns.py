"""The house's words as frozen records and protocols; standard library only.

Everything that two rooms say to each other is said in these words. A `Frame` is a pandas DataFrame and an `Array`
a numpy array; they are named here without importing either.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

Frame = Any
Array = Any
Label = str | int

ENTRY_PROTOCOL = 1  # fit/predict, schema, decline; raised when a contestant's code would have to change
JUDGE_PROTOCOL = 1  # plan/judge
TEXT_KINDS = ("tagging", "joint", "span", "generation", "language_model")  # whose rows have no one class or number
NUMBERS, LINES = "numbers", "lines"  # the forms of answers: float64 (rows, width), or one JSON value for each row


class ColumnType(StrEnum):
    """What kind of values a column holds; an annotation (tags with a label, spans, references) is a target as JSON."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    TEXT = "text"
    IMAGE = "image"
    DATETIME = "datetime"
    TOKENS = "tokens"
    ANNOTATION = "annotation"


class Role(StrEnum):
    """What a column is for."""

    FEATURE = "feature"
    TARGET = "target"
    ID = "id"
    OWNER = "owner"
    TIME = "time"
    PROTECTED = "protected"


class Visibility(StrEnum):
    """When an entry sees the columns of a role."""

    HIDDEN = "hidden"
    FIT = "fit"
    BOTH = "fit and predict"


DEFAULT_VISIBILITY: Mapping[Role, Visibility] = {
    Role.FEATURE: Visibility.BOTH,
    Role.TARGET: Visibility.FIT,
    Role.ID: Visibility.HIDDEN,
    Role.OWNER: Visibility.HIDDEN,
    Role.TIME: Visibility.BOTH,
    Role.PROTECTED: Visibility.BOTH,
}


class Outcome(StrEnum):
    """How a cell ended."""

    DONE = "done"
    DECLINED = "declined"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    OUT_OF_MEMORY = "out of memory"
    REFUSED = "refused"


class Level(StrEnum):
    """How an entry was confined while it ran; always shown with the result."""

    PREDICTIONS = "L0 prediction file"
    PROCESS = "L1 process with limits"
    BUBBLEWRAP = "L2 bubblewrap"


def digest(thing: object) -> str:
    """The SHA-256 of a record, or of anything JSON can hold, as 64 hexadecimal digits; bytes are taken as they are."""
    data = thing if isinstance(thing, bytes) else json.dumps(plain(thing), sort_keys=True, ensure_ascii=False).encode()
    return hashlib.sha256(data).hexdigest()


def plain(thing: object) -> Any:
    """Records, mappings and sequences as what JSON can hold; a record's keys are its field names."""
    if is_dataclass(thing) and not isinstance(thing, type):
        return {f.name: plain(getattr(thing, f.name)) for f in fields(thing)}
    if isinstance(thing, Mapping):
        return {str(key): plain(value) for key, value in thing.items()}
    if isinstance(thing, bytes):
        return thing.hex()
    if isinstance(thing, (list, tuple, set, frozenset)):
        items = [plain(item) for item in thing]
        return sorted(items, key=str) if isinstance(thing, (set, frozenset)) else items
    if hasattr(thing, "tolist"):
        return thing.tolist()
    return thing


@dataclass(frozen=True)
class Column:
    """One column of a table; `why` explains how its type was decided.

    `trait` is boolean, id-like, constant or empty: what a reader should know of the values beyond their type.
    """

    name: str
    type: ColumnType
    role: Role = Role.FEATURE
    why: str = ""
    trait: str = ""


@dataclass(frozen=True)
class Table:
    """Typed columns with roles, named by the digest of their content; `about` holds licence, source and notes."""

    name: str
    columns: tuple[Column, ...]
    rows: int
    digest: str
    about: Mapping[str, Any] = field(default_factory=dict)

    def column(self, name: str) -> Column:
        """The column of that name; KeyError when there is none."""
        return {column.name: column for column in self.columns}[name]

    def of_role(self, role: Role) -> tuple[Column, ...]:
        """The columns that have this role, in table order."""
        return tuple(column for column in self.columns if column.role is role)


@dataclass(frozen=True)
class Split:
    """How rows were set apart for the test.

    `method` is given, stratified, random, owner or time; `column` names the owner or time column. `public_share` is
    the share of the test rows whose scores are shown while a challenge runs; 0 keeps the test part whole.
    """

    method: str = "stratified"
    column: str = ""
    test_share: float = 0.25
    seed: int = 0
    public_share: float = 0.0

    def identity(self) -> dict[str, Any]:
        """The split as it counts in a digest: a test part that is whole counts as before there were two parts."""
        fields_ = plain(self)
        if not self.public_share:
            del fields_["public_share"]
        return dict(fields_)


Counterparts = tuple[tuple[str, ...], ...]  # rows of words that stand for each other, a side's word always in its place


@dataclass(frozen=True)
class Swaps:
    """Words that twins of texts have in place of each other: `lists` by protected attribute, as the table's owner says.

    `neutral` words stand for no group and are swapped for comparison; without any they are English. `english` tells
    whether English words of gender are swapped too, and `plurals` whether English plurals of all words are.
    """

    lists: Mapping[str, Counterparts] = field(default_factory=dict)
    neutral: Counterparts = ()
    english: bool = True
    plurals: bool = False

    def __bool__(self) -> bool:
        """Whether the owner said anything."""
        return self != Swaps()


@dataclass(frozen=True)
class Task:
    """A question asked of a table.

    `classes` are in the order of the answers' columns, empty for regression; `label` is real, made, or empty when
    nobody said which. `ignored` is the variant rule of a matching task: columns of the records in which two records may
    differ and still match. `truth` counts the corrections of the test rows' targets that count: 0 is the truth as it
    came. `longest` is the most characters that a written answer was seen to have in training, 0 where none is written.
    `swaps` are the owner's words for twins of texts.
    """

    name: str
    table: str
    table_digest: str
    kind: str
    target: str
    metric: str
    classes: tuple[Label, ...] = ()
    split: Split = Split()
    see: Mapping[Role, Visibility] = field(default_factory=lambda: dict(DEFAULT_VISIBILITY))
    track: str = ""
    label: str = ""
    ignored: tuple[str, ...] = ()
    truth: int = 0
    longest: int = 0
    swaps: Swaps = Swaps()

    @cached_property
    def digest(self) -> str:
        """The task's version: everything that could change an answer or a score, and no cosmetic name.

        A corrected truth changes no answer: kept ones are judged again, and findings tell by which truth they are.
        """
        asked = [self.table_digest, self.kind, self.target, self.metric, self.classes, self.split.identity(), self.see]
        asked += [self.ignored] if self.ignored else []
        more = {name: said for name in ("longest", "swaps") if (said := getattr(self, name))}
        return digest([*asked, more] if more else asked)


@dataclass(frozen=True)
class Schema:
    """What an entry that asks for it is told: the columns it sees, the question, its seed and its budget.

    `fit_only` names columns that are there in fit and absent in predict; `ignored` names the columns in which two
    records of a matching task may differ and still match.
    """

    columns: tuple[Column, ...]
    kind: str
    target: str
    metric: str
    classes: tuple[Label, ...]
    seed: int
    time_budget: float
    threads: int = 1
    fit_only: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    def of_type(self, *types: ColumnType) -> list[str]:
        """Names of the visible columns that have one of these types."""
        return [column.name for column in self.columns if column.type in types]


@dataclass(frozen=True)
class Limits:
    """What a cell may use: seconds of wall clock from go to answers, MiB of memory and log, and processes."""

    seconds: float = 600.0
    memory_mib: int = 4096
    log_mib: int = 16
    processes: int = 64
    threads: int = 1


@dataclass(frozen=True)
class Source:
    """Where an entry's algorithm comes from.

    `form` is baseline (`what` names an entry point of `bakeoff.algorithms`), code (`what` is module:attribute inside
    `folder`, or the module alone), object (`what` names a pickle in `folder`, made by the caller's own process), or
    predictions (one file per task in `folder`).
    """

    form: str
    what: str
    folder: str = ""


@dataclass(frozen=True)
class Entry:
    """An algorithm with its parameters, environment, team and claims; `digest` covers all but team and claims.

    A baseline takes part only in tracks that have a task of one of its `kinds`; without any, of one that is no text
    task.
    """

    name: str
    source: Source
    digest: str
    team: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    environment: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict)
    baseline: bool = False
    kinds: tuple[str, ...] = ()

    def is_for(self, tasks: Iterable[Task]) -> bool:
        """Whether the entry takes part where these tasks are asked."""
        if self.kinds:
            return any(task.kind in self.kinds for task in tasks)
        return not self.baseline or any(task.kind not in TEXT_KINDS for task in tasks)


@dataclass(frozen=True)
class Probe:
    """One row asked beside the test rows: a row of `part`, with some cells changed.

    `part` is train, test, or inserted: then `row` is a place among the rows that the plan has `offered`. Probes that
    share a non-empty `apart` never meet in one call, and such a probe of part test never meets its own test row.
    """

    row: int
    part: str = "train"
    changes: Mapping[str, Any] = field(default_factory=dict)
    apart: str = ""


@dataclass(frozen=True)
class Insertion:
    """A row that no table holds: training row `row` with some cells changed, and with this target."""

    row: int
    changes: Mapping[str, Any]
    label: Label | float


@dataclass(frozen=True)
class Plan:
    """What one judge wants of a cell: positions of training rows to withhold, and rows to be asked.

    `reason` says why a judge that could plan planned nothing. `of` names the judge whose withheld rows and probes this
    one reads as well; such a plan has none of its own. `offered` are rows made for an audit cell, and `insert` the
    places in it of those that are added to the training rows; a ranked cell has neither.
    """

    withhold: tuple[int, ...] = ()
    ask: tuple[Probe, ...] = ()
    reason: str = ""
    of: str = ""
    offered: tuple[Insertion, ...] = ()
    insert: tuple[int, ...] = ()


@dataclass(frozen=True)
class Brief:
    """What a judge may know while it plans: never an entry.

    `train` holds all columns of the training rows but the target, `labels` their targets as given, `key` the HMAC of
    the challenge's secret over task, seed and judge, and `budget` the probe rows that are left for this judge. `test`
    holds the test rows as the entry will be asked them, all columns but the target; None where nobody gave them.
    """

    task: Task
    table: Table
    train: Frame
    labels: Array
    key: bytes
    budget: int
    test: Frame | None = None


@dataclass(frozen=True)
class Measurements:
    """What the parent saw from outside; times in seconds, memory in MiB.

    `wall` and `cpu` run from go to answers with the probe rows' share taken out; `fit` and `predict` split `wall` as
    the entry itself reported; `before` and `after` are the house's own wall seconds around the cell, `warm_cpu` and
    `load_cpu` the CPU that the spare's imports and the entry's own imports took before the clock started.
    `written_mib` is what its processes wrote from go to answers: to files, temporary ones included, pipes and the log.
    """

    wall: float | None = None
    cpu: float | None = None
    peak_mib: float | None = None
    fit: float | None = None
    predict: float | None = None
    before: float | None = None
    after: float | None = None
    warm_cpu: float | None = None
    load_cpu: float | None = None
    batch_dependent: bool | None = None
    written_mib: float | None = None


@dataclass(frozen=True)
class Claim:
    """(epsilon, delta)-differential privacy per `unit` (record or owner), when neighbouring tables differ so."""

    epsilon: float
    delta: float
    unit: str = "record"
    neighbours: str = "add or remove one"


@dataclass(frozen=True)
class Cell:
    """One entry on one task with one seed under one plan; `id` is its identity."""

    entry: str
    entry_digest: str
    task: str
    task_digest: str
    seed: int
    plan_digest: str
    contract: str

    @cached_property
    def id(self) -> str:
        """The digest of all that could change the answers; names are left out."""
        return digest([self.entry_digest, self.task_digest, self.seed, self.plan_digest, self.contract])


@dataclass(frozen=True)
class CellResult:
    """What came of a cell; `answers` is the digest of the kept answers, empty when there are none.

    `claim` is what the fitted entry says of its privacy, None where it says nothing.
    """

    cell: Cell
    outcome: Outcome
    reason: str = ""
    log: str = ""
    answers: str = ""
    level: Level = Level.PROCESS
    limits: Limits = Limits()
    measurements: Measurements = Measurements()
    made_with: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    claim: Claim | None = None


@dataclass(frozen=True)
class Sides:
    """The records behind a matching table: `right` is None where the pairs are duplicates within `left`.

    `train` and `test` are positions int64 (pairs, 2) of each part's pairs in left and right, in the order of that
    part's rows. `complete` says that every match among the records is labelled, so that an unlabelled pair is none.
    """

    left: Frame
    right: Frame | None
    train: Array
    test: Array
    left_columns: tuple[Column, ...] = ()
    right_columns: tuple[Column, ...] = ()
    complete: bool = False


@dataclass(frozen=True)
class Answered:
    """What a judge reads: a cell's answers to the test rows and to the probes of its own plan.

    A judge whose plan is `of` another reads that one's withheld rows and probes here, and no others.
    Answers have one row per asked row and one column per class (one in all for regression); `truth` holds the test
    targets and `labels` the training targets, both as given. `public` (rows,) tells the public test rows, None where
    the test part is whole. For a matching task `sides` holds its records, and `links` float64 (links, 3) the left and
    right position and the score of each pair that a linkage entry linked, or int64 (records,) the group id of each
    record, left ones first; None for an entry that answers pairs alone.
    """

    result: CellResult
    task: Task
    table: Table
    truth: Array
    labels: Array
    test: Frame
    answers: Array
    plan: Plan
    probes: Array
    public: Array | None = None
    sides: Sides | None = None
    links: Array | None = None


@dataclass(frozen=True)
class Finding:
    """One figure of a cell, with its interval or the reason why there is none.

    `variant` tells figures of one metric apart (normalised, for example), `replicates` are the paired bootstrap
    replicates where the board needs them, and `status` is ok or insufficient.
    """

    judge: str
    metric: str
    value: float | None
    low: float | None = None
    high: float | None = None
    variant: str = ""
    group: str = ""
    split: str = "test"
    n: int = 0
    status: str = "ok"
    reason: str = ""
    replicates: Array | None = None


@runtime_checkable
class Algorithm(Protocol):
    """Anything with scikit-learn's fit and predict; `fit` may also take `schema`, and `predict_proba` is optional."""

    def fit(self, X: Frame, y: Array) -> Any:
        """Learn from the training rows."""

    def predict(self, X: Frame) -> Array:
        """Answer rows."""


@runtime_checkable
class Linker(Protocol):
    """A linkage entry: learns from two tables of records and labelled pairs, and links the records.

    `pairs` has the columns `left`, `right` (positions) and `label`; where the pairs are duplicates within one table,
    `right` is None. `link` returns a frame with `left`, `right` and `score` (0 to 1), or one group id per record:
    an array for one table, a tuple of two for two.
    """

    def fit(self, left: Frame, right: Frame | None, pairs: Frame) -> Any:
        """Learn from the records and the labelled pairs."""

    def link(self, left: Frame, right: Frame | None) -> Any:
        """The links between the records."""


@runtime_checkable
class Judge(Protocol):
    """Looks at a cell and returns findings; it never trains anything and never meets an entry."""

    name: str
    version: str

    def plan(self, brief: Brief) -> Plan:
        """What must be withheld or asked for this judge; an empty plan when it needs nothing."""

    def judge(self, answered: Answered) -> Sequence[Finding]:
        """Findings of one finished cell; a pure function of the answers."""


@runtime_checkable
class Auditor(Judge, Protocol):
    """A judge that can look deeper, through further fits of an entry: unranked audit cells, which no board counts."""

    def plan_audit(self, brief: Brief, quick: bool) -> Mapping[str, Plan]:
        """One audit cell for each named plan; empty where there is nothing to audit.

        Any share of the rows may be withheld as long as every class keeps one, rows may be inserted, and `brief.budget`
        is no limit. `quick` asks for a form of few fits.
        """

    def judge_audit(self, audited: Mapping[str, Answered]) -> Sequence[Finding]:
        """Findings of one entry on one task and seed, from its audit cells by name of their plan.

        A pure function of the answers; cells that did not end well are not among them.
        """
