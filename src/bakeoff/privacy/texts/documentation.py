"""Word vectors of public text that every installation holds: the documentation of Python and of its packages."""

from __future__ import annotations

import re
import sysconfig
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from bakeoff.privacy.texts.public import train_vectors
from bakeoff.privacy.texts.vectors import Vectors

PACKAGES = ("numpy", "scipy", "pandas", "scikit-learn", "matplotlib")
MODULES = {"scikit-learn": "sklearn"}
ASIDE = {"test", "tests", "site-packages", "dist-packages", "__pycache__"}
SAID = re.compile(r'"""(.*?)"""|#([^\n]*)', re.DOTALL)
PLAIN = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")


@cache
def documentation_vectors() -> Vectors:
    """Vectors of the words in docstrings and remarks of Python's library and of packages that Bakeoff is built on.

    They follow from the installed versions, which the name tells. Technical English: everyday words are fewer.
    """
    import platform

    packages = [f"{name} {version(name)}" for name in PACKAGES]
    name = f"documentation of Python {platform.python_version()}, {', '.join(packages)}"
    return train_vectors(_texts(), name=name)


def _texts() -> Iterator[str]:
    """Paragraphs of plain words."""
    folders = [Path(sysconfig.get_paths()["stdlib"])]
    for package in PACKAGES:
        found = find_spec(MODULES.get(package, package))
        if found is not None and found.origin:
            folders.append(Path(found.origin).parent)
    for folder in folders:
        for file in sorted(folder.rglob("*.py")):
            if ASIDE.isdisjoint(file.relative_to(folder).parts):
                yield from _said(file.read_text(encoding="utf-8", errors="replace"))


def _said(source: str) -> Iterator[str]:
    for match in SAID.finditer(source):
        for paragraph in (match[1] or match[2]).split("\n\n"):
            words = PLAIN.findall(paragraph)
            if len(words) > 1:
                yield " ".join(words)
