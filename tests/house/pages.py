"""Reading the documentation: its code blocks, headings, links and tables; and running what it shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
README = REPOSITORY / "README.md"
DOCS = REPOSITORY / "docs"
PAGES = sorted([README, REPOSITORY / "CHANGELOG.md", *DOCS.rglob("*.md")])


@dataclass(frozen=True)
class Block:
    """A fenced code block: its language, its text, and the line it starts on."""

    language: str
    text: str
    line: int


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found: list[Block] = []
    language, held, start = None, [], 0
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        fence = re.match(r"\s*```(\w*)\s*$", line)
        if fence and language is None:
            language, held, start = fence[1], [], number
        elif fence:
            found.append(Block(language, "\n".join(held) + "\n", start))
            language = None
        elif language is not None:
            held.append(line)
    assert language is None, f"{page}: a code block is not closed"
    return found


def sections(page: Path, level: int) -> dict[str, str]:
    """The text under each heading of a level, backticks taken off the heading."""
    mark = "#" * level + " "
    found: dict[str, list[str]] = {}
    heading = None
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith(mark):
            heading = line.removeprefix(mark).strip().strip("`")
            found[heading] = []
        elif re.match(rf"#{{1,{level - 1}}} ", line):
            heading = None
        elif heading is not None:
            found[heading].append(line)
    return {name: "\n".join(lines) for name, lines in found.items()}


def links(page: Path) -> list[str]:
    """The relative links of a page."""
    found = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    return [link for link in found if "://" not in link]


def quoted(text: str) -> set[str]:
    """The words in backticks, taken apart at blanks, commas and brackets."""
    return {word for span in re.findall(r"`([^`]+)`", text) for word in re.split(r"[\s,()=\[\]]+", span) if word}


def play(block: Block, folder: Path, page: Path) -> str:
    """Run a block in a folder with the environment that runs the tests; gives what it printed."""
    command = [sys.executable, "-c", block.text] if block.language == "python" else ["bash", "-euo", "pipefail", "-c"]
    if block.language != "python":
        command.append(block.text)
    places = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    variables = {**os.environ, "PATH": os.pathsep.join(places), "MPLBACKEND": "Agg", "NO_COLOR": "1", "COLUMNS": "120"}
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=280, check=False)
    where = f"{page.name}, the block on line {block.line}"
    assert done.returncode == 0, f"{where} left with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr, f"{where}:\n{done.stderr}"
    return done.stdout
