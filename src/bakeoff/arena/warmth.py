"""How much a spare imports ahead for an entry, told from the words of its code without running or parsing it."""

from __future__ import annotations

import re
import sys
from itertools import islice
from pathlib import Path

from bakeoff.nouns import Entry

FRAMES, LEARNING = "frames", "learning"  # numpy, pandas and pyarrow; those and the usual libraries of learning
OF_FRAMES = ("numpy", "pandas", "pyarrow")
BRINGING = re.compile(r"\b(?:__import__|importlib|runpy|zipimport|pickle|shelve|exec|eval)\b")
IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+)?import\b[ \t]*(.*)$", re.MULTILINE)
WORD = re.compile(r"\bimport\b")
NAMES = re.compile(r"[\w.]+(?:[ \t]+as[ \t]+\w+)?(?:[ \t]*,[ \t]*[\w.]+(?:[ \t]+as[ \t]+\w+)?)*[ \t]*(?:#.*|;.*)?\r?")
MOST_READ, MOST_FILES = 1 << 20, 50


def warmth(entry: Entry) -> str:
    """What to import before the entry comes: `frames` where its code names nothing else, `learning` in doubt.

    A wrong guess costs an import of the entry's while it is loaded or fitted, nothing else.
    """
    if entry.source.form == "predictions":
        return FRAMES
    if entry.source.form != "code" or entry.environment:
        return LEARNING
    folder = Path(entry.source.folder)
    files = sorted(islice(folder.rglob("*.py"), MOST_FILES + 1)) if folder.is_dir() else [folder]
    if len(files) > MOST_FILES or any(file.stat().st_size > MOST_READ for file in files):
        return LEARNING
    own = {file.stem for file in files} | {file.parent.name for file in files}
    known = own | set(OF_FRAMES) | sys.stdlib_module_names
    texts = (file.read_text("utf-8", errors="replace") for file in files)
    return FRAMES if all(_named(text) <= known for text in texts) else LEARNING


def _named(text: str) -> set[str]:
    """The packages that a module's lines import; with an empty name where that cannot be told from its words."""
    if BRINGING.search(text):
        return {""}
    found: set[str] = set()
    lines = list(IMPORT.finditer(text))
    if len(lines) < len(WORD.findall(text)):
        return {""}
    for line in lines:
        package, names = line.groups()
        if package is None and not NAMES.fullmatch(names):
            return {""}
        listed = [package] if package else [name.split()[0] for name in names.split("#")[0].split(";")[0].split(",")]
        found |= {name.split(".")[0] for name in listed if not name.startswith(".")}
    return found
