"""Pure numbers: bootstrap weights, intervals, ranks, tie groups, and who is better beyond noise.

Arrays go in and records of arrays come out. Nothing here knows tables, tasks, entries or files, and everything random
is drawn from a key, so that two callers with the same key meet the same draws.
"""

from bakeoff.stats.bootstrap import Resample as Resample
from bakeoff.stats.bootstrap import resample as resample
from bakeoff.stats.intervals import difference_of_means as difference_of_means
from bakeoff.stats.intervals import interval as interval
from bakeoff.stats.intervals import wilson as wilson
from bakeoff.stats.significance import holm as holm
from bakeoff.stats.standings import Standings as Standings
from bakeoff.stats.standings import standings as standings
from bakeoff.stats.versus import Duels as Duels
from bakeoff.stats.versus import versus as versus
