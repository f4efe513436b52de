"""Everything that the house's own entries are measured by, in one go: tables, pairs, links, and a million records.

    python bench/entries.py FOLDER [--peers PACKAGES] [--quick] [--parts classification matching linkage scale]

Each part is a script of this folder in a process of its own: bench/classification.py beside AutoGluon (--peers names
the folder of its packages, as bench/peers_classification.py tells), bench/matching.py with every method, its
links beside Splink's, and bench/linkage_scale.py. What they print, the date and the versions go to FOLDER, a file for
each part; sets that are measured already are not run again. Nothing fails on time. --quick takes the smallest sets.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

HERE = Path(__file__).parent
PACKAGES = ("bakeoff", "numpy", "pandas", "scikit-learn", "lightgbm", "rapidfuzz", "torch", "splink")
FULL = ("abt_buy", "amazon_google", "walmart_amazon", "dblp_acm", "beer", "fodors_zagats")


def versions() -> str:
    """What the figures were made with, in a line."""
    found = [f"Python {platform.python_version()}", f"{os.cpu_count()} cores"]
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"no {name}")
    return ", ".join(found)


def commands(folder: Path, quick: bool, peers: bool) -> dict[str, list[list[str]]]:
    """What each part runs: scripts of this folder and what they are told."""
    peer = folder / "autogluon.json"
    tables = ["--sets", "imdb_is_drama", "midwest_survey_region"] if quick else []
    pairs = ["--sets", "beer", "fodors_zagats"] if quick else []
    linked = pairs or ["--sets", *FULL]
    theirs = [["peers_classification.py", "--json", str(peer), *tables]] if peers else []
    ours = ["classification.py", "--json", str(folder / "multimodal.json"), *tables]
    sizes = ["--sizes", "10000"] if quick else ["--sizes", "10000", "100000", "1000000"]
    return {
        "classification": [*theirs, [*ours, *(["--peer", str(peer)] if peers else [])]],
        "matching": [["matching.py", *pairs]],
        "linkage": [["matching.py", "--linked", "--no-blocking", "--methods", "splink", "matcher", *linked]],
        "scale": [["linkage_scale.py", *sizes]],
    }


def run(part: str, scripts: list[list[str]], folder: Path, packages: str) -> None:
    """Run a part's scripts one after another; what they print goes to the terminal and to the part's file."""
    with (folder / f"{part}.txt").open("a", encoding="utf-8") as kept:
        print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {versions()}", file=kept, flush=True)
        for script, *words in scripts:
            around = {**os.environ, **({"PYTHONPATH": packages} if script.startswith("peers") else {})}
            command = [sys.executable, str(HERE / script), *words]
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
            with subprocess.Popen(command, **pipes, env=around, text=True) as running:
                for line in running.stdout or ():
                    print(line, end="", flush=True)
                    print(line, end="", file=kept, flush=True)
            if running.returncode:
                print(f"{script} ended with exit code {running.returncode}", file=kept)


def main() -> None:
    words = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    words.add_argument("folder", type=Path)
    words.add_argument("--peers", default="", help="the folder of the packages of AutoGluon")
    words.add_argument("--quick", action="store_true", help="the smallest sets alone")
    words.add_argument("--parts", nargs="+", choices=list(commands(Path(), False, False)), default=[])
    said = words.parse_args()
    said.folder.mkdir(parents=True, exist_ok=True)
    parts = commands(said.folder, said.quick, bool(said.peers))
    for part in said.parts or parts:
        run(part, parts[part], said.folder, said.peers)


if __name__ == "__main__":
    main()
