"""What is asked of a table, and how answers are scored.

A kind of task says what may be asked, what answers look like and how they are scored; kinds join by the entry-point
group `bakeoff.kinds`. Nothing here fits anything, and nothing here knows entries or cells.
"""

from bakeoff.tasks.kinds import Kind as Kind
from bakeoff.tasks.kinds import Metric as Metric
from bakeoff.tasks.kinds import Probes as Probes
from bakeoff.tasks.kinds import Questioning as Questioning
from bakeoff.tasks.kinds import Questions as Questions
from bakeoff.tasks.kinds import Score as Score
from bakeoff.tasks.kinds import Written as Written
from bakeoff.tasks.kinds import kind as kind
from bakeoff.tasks.kinds import kinds as kinds
from bakeoff.tasks.normalise import Normalised as Normalised
from bakeoff.tasks.normalise import normalise as normalise
from bakeoff.tasks.question import infer_kind as infer_kind
from bakeoff.tasks.question import make_task as make_task
