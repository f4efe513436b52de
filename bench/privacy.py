"""What a private step costs: seconds and peak memory as ratios to the step that is not private, ours and others'.

Each step is timed right after a step that is not private, in one process and by turns, so a busy machine slows both;
the ratio is the median over the turns, with its quartiles. On the CPU seconds are CPU seconds of one thread, on a GPU
wall seconds between synchronisations. Memory is the highest resident set while three steps are made in a process of
their own, over what the process held before the network was made; on a GPU the highest that torch allocated. A way
whose package is not installed, or which would not fit into memory, is left out with a line. No way is timed for longer
than `--most` seconds, but once at least.
Run: python bench/privacy.py [--models mlp bilstm encoder] [--batches 64 256 1024] [--ways ours ...] [--turns 15]
     [--poisson] [--device cpu] [--threads 1] [--no-memory] [--json FILE]
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import statistics
import subprocess
import sys
import time
import warnings
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import psutil
import torch
from privacy_models import MODELS, records
from privacy_ours import OURS
from privacy_peers import PEERS
from rich.console import Console
from rich.table import Table

PLAIN = "non-private"
WAYS = {**OURS, **PEERS}
LEAST = 0.02  # seconds that one turn takes at least, so that the clock's steps do not matter
KEEPS = {"opacus hooks", "opacus functorch", "opacus ew", "vmap"}  # hold each record's gradient of each parameter
FREE = psutil.virtual_memory().available // 2
PACKAGES = ("torch", "opacus", "dp-accounting", "numpy")


def kept(model: str, size: int) -> int:
    """Bytes of each record's gradient of each parameter, twice: as they are made, and as they are kept."""
    return 2 * 4 * size * sum(parameter.numel() for parameter in MODELS[model].make().parameters())


class Clock:
    """Seconds of CPU, or of a GPU that has ended what it was given."""

    def __init__(self, device: str) -> None:
        self.cuda = device.startswith("cuda")

    def now(self) -> float:
        if self.cuda:
            torch.cuda.synchronize()
            return time.perf_counter()
        return time.process_time()

    def of(self, step, batches) -> float:
        """Seconds for each of these batches."""
        began = self.now()
        for batch in batches:
            step(*batch)
        return (self.now() - began) / len(batches)


class Draws:
    """Batches of one size, or with --poisson of sizes as Poisson sampling has them."""

    def __init__(self, model: str, size: int, args: argparse.Namespace) -> None:
        self.size, self.poisson, self.random = size, args.poisson, np.random.default_rng(size)
        self.inputs, self.targets = records(model, 2 * size, args.device)

    def some(self, count: int) -> list:
        sizes = [self.size] * count
        if self.poisson:
            sizes = np.clip(self.random.poisson(self.size, count), 1, 2 * self.size).tolist()
        return [(self.inputs[:many], self.targets[:many]) for many in sizes]


def cell(model: str, size: int, args: argparse.Namespace) -> list[dict]:
    """All ways for one network and size of batch, by turns."""
    clock, draws = Clock(args.device), Draws(model, size, args)
    plain = WAYS[PLAIN](model, args.device, size)
    clock.of(plain, draws.some(3))
    times = max(1, round(LEAST / clock.of(plain, draws.some(2))))
    found = []
    for way in args.ways:
        if way in KEEPS and not args.device.startswith("cuda") and kept(model, size) > FREE:
            print(f"{model} {size} {way}: left out ({kept(model, size) / 2**30:.0f} GiB of gradients)", flush=True)
            continue
        try:
            step = WAYS[way](model, args.device, size)
            first = clock.of(step, draws.some(1))
        except (ImportError, torch.OutOfMemoryError, MemoryError) as missing:
            print(f"{model} {size} {way}: left out ({type(missing).__name__}: {str(missing)[:120]})", flush=True)
            continue
        if first < args.most / 4:
            first = clock.of(step, draws.some(1))
        pairs, began = [], clock.now()
        while len(pairs) < args.turns and (not pairs or clock.now() - began < args.most):
            before = clock.of(plain, draws.some(times))
            pairs.append((before, clock.of(step, draws.some(max(1, round(LEAST / first))))))
        found.append(summed(model, size, way, pairs))
        del step
        gc.collect()
        print(*(f"{value:.3g}" if isinstance(value, float) else value for value in found[-1].values()), flush=True)
    return found


def summed(model: str, size: int, way: str, pairs: list[tuple[float, float]]) -> dict:
    ratios = [mine / plain for plain, mine in pairs]
    low, middle, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else (ratios[0],) * 3
    return {
        "model": model,
        "batch": size,
        "way": way,
        "ratio": middle,
        "lower quartile": low,
        "upper quartile": high,
        "plain ms": 1e3 * statistics.median(plain for plain, _ in pairs),
        "ms": 1e3 * statistics.median(mine for _, mine in pairs),
        "turns": len(pairs),
    }


def resident(key: str) -> float:
    """MB that this process holds (VmRSS) or has held at most since the mark was cleared (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) / 1024


def peak(model: str, size: int, way: str, device: str) -> float:
    """MB that three steps need at most, beside what the process held before its network was made."""
    WAYS[PLAIN]("mlp", device, 2)(*records("mlp", 2, device))  # brings in what torch imports late
    step = WAYS[way]("mlp", device, 2)
    step(*records("mlp", 2, device))
    gc.collect()
    batch = records(model, size, device)
    if device.startswith("cuda"):
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
    else:
        before = resident("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")
    step = WAYS[way](model, device, size)
    for _ in range(3):
        step(*batch)
    if device.startswith("cuda"):
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    return resident("VmHWM") - before


def peaks(found: list[dict], args: argparse.Namespace) -> None:
    """Add the memory of each way and its ratio to the one that is not private, each in a process of its own."""
    plain: dict[tuple[str, int], float] = {}
    for one in sorted(found, key=lambda one: one["way"] != PLAIN):
        key = (one["model"], one["batch"])
        call = [sys.executable, __file__, "--peak", one["model"], str(one["batch"]), one["way"]]
        done = subprocess.run(
            [*call, "--device", args.device, "--threads", str(args.threads)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            print(f"{key} {one['way']}: no memory figure ({done.stderr.strip().splitlines()[-1][:120]})", flush=True)
            continue
        one["MB"] = float(done.stdout.split()[-1])
        if one["way"] == PLAIN:
            plain[key] = one["MB"]
        if key in plain:
            one["memory ratio"] = one["MB"] / plain[key]


def versions() -> dict[str, str]:
    found = {"date": date.today().isoformat(), "python": platform.python_version(), "machine": platform.machine()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def shown(found: list[dict], args: argparse.Namespace) -> Table:
    sizes = "sizes as drawn" if args.poisson else "one size"
    table = Table(title=f"A private step against one that is not; {args.device}, {args.threads} threads, {sizes}")
    for head in ("model", "batch", "way", "ratio", "quartiles", "ms", "plain ms", "MB", "memory"):
        table.add_column(head, justify="left" if head in ("model", "way") else "right")
    for one in found:
        memory = (f"{one['MB']:.0f}", f"{one['memory ratio']:.2f}") if "memory ratio" in one else ("", "")
        spread = f"{one['lower quartile']:.2f}-{one['upper quartile']:.2f}" if one["turns"] > 1 else "one turn"
        figures = (f"{one['ratio']:.2f}", spread, f"{one['ms']:.2f}", f"{one['plain ms']:.2f}", *memory)
        table.add_row(one["model"], str(one["batch"]), one["way"], *figures)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--batches", nargs="+", type=int, default=[64, 256, 1024])
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--most", type=float, default=60.0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--poisson", action="store_true", help="sizes of batches as Poisson sampling has them")
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--peak", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    warnings.filterwarnings("ignore")  # Opacus warns of its own hooks at every call
    torch.set_num_threads(args.threads)
    if args.peak:
        model, size, way = args.peak
        print(peak(model, int(size), way, args.device))
        return
    found = [one for model in args.models for size in args.batches for one in cell(model, size, args)]
    if not args.no_memory:
        peaks(found, args)
    Console(width=140).print(shown(found, args))
    if args.json:
        args.json.write_text(json.dumps({"with": versions(), "cells": found}, indent=1))


if __name__ == "__main__":
    main()
