"""Which planted problems the checks find, and what they say of the clean twins.

    python bench/planted.py

One table for each problem that a check looks for, and the same table without it. A line tells the check, what was
planted, whether it was found, how many remarks the clean twin has (0 is right), and the sentence.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "tables"))

from planted_tables import ERRORS, PLANTED

from bakeoff.errors import TableError


def main() -> None:
    found = quiet = 0
    start = time.perf_counter()
    for what, planted in PLANTED.items():
        with tempfile.TemporaryDirectory() as clean, tempfile.TemporaryDirectory() as spoiled:
            twin = planted.examined(Path(clean), spoiled=False).remarks
            remarks = planted.examined(Path(spoiled), spoiled=True).remarks
        told = [remark.text for remark in remarks if remark.check == planted.check]
        found += bool(told)
        quiet += not twin
        print(f"{planted.check:18} {what:42} {'found' if told else 'MISSED':7} {len(twin)}  {told[0] if told else ''}")
    for what, (planted, says) in ERRORS.items():
        with tempfile.TemporaryDirectory() as folder:
            try:
                planted.examined(Path(folder), spoiled=True)
            except TableError as fault:
                print(f"{'(problem)':18} {what:42} {'found' if says in str(fault) else 'OTHER':7} -  {fault}")
    seconds = time.perf_counter() - start
    print(f"\n{found} of {len(PLANTED)} planted problems found, {quiet} clean twins without a remark, {seconds:.0f} s")


if __name__ == "__main__":
    main()
