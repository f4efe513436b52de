"""The wall's door: opening a box at a level, which levels there are, and what holds at each."""

from bakeoff.arena.wall.box import MODELS, PLAIN, PREFIX, Box, Fittings, sweep
from bakeoff.arena.wall.levels import best_level, gaps, layers, open_box, why_no_bubblewrap, why_not
from bakeoff.arena.wall.processes import kill, tree

__all__ = [
    "MODELS",
    "PLAIN",
    "PREFIX",
    "Box",
    "Fittings",
    "best_level",
    "gaps",
    "kill",
    "layers",
    "open_box",
    "sweep",
    "tree",
    "why_no_bubblewrap",
    "why_not",
]
