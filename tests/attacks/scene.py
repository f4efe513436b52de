"""What stands outside the wall: secrets to be read, a neighbour to be killed, listeners to be told."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
from outside import Clock, Ear, keep_in_keyring, segment

import bakeoff
from bakeoff.arena import Challenge, TableOptions
from bakeoff.arena.wall.confinement import open_box
from bakeoff.nouns import Level

NEIGHBOUR = """
import ctypes, os, sys
truth = open(sys.argv[1], "rb")
held = ctypes.create_string_buffer(sys.argv[2].encode(), 64)
print(ctypes.addressof(held), flush=True)
sys.stdin.read()
"""
SIGNALS = {"plain": signal.SIGCONT, "L1": signal.SIGURG, "L2": signal.SIGWINCH}


def sha(data: bytes) -> str:
    """The digest that an entry tells when it has read these bytes."""
    return hashlib.sha256(data).hexdigest()


def frame(rows: int = 400, seed: int = 0) -> pd.DataFrame:
    """A number that tells the class, more or less, and a note that no two rows share."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, rows)
    notes = [f"item {number} of {rng.integers(10**9)}" for number in range(rows)]
    return pd.DataFrame({"size": y + rng.normal(0, 0.8, rows), "note": notes, "y": np.where(y, "yes", "no")})


class Scene:
    """One challenge with a table, and everything around it that an attack could reach; `close` takes it all away."""

    def __init__(self, name: str, level: Level | None) -> None:
        self.name = name
        self.level = level
        # Not pytest's own folder, which nobody else may enter: that would hide what the wall itself lets through.
        self.folder = folder = Path(tempfile.mkdtemp(prefix="bakeoff-attacks-"))
        folder.chmod(0o755)
        self.tokens: dict[str, str] = {}
        self.secrets: dict[str, str] = {}
        self._ends: list[Callable[[], object]] = []
        self.challenge = self._challenge()
        self.truth = next(self.challenge.places.truth.rglob("*.parquet"))
        self.secrets["truth"] = sha(self.truth.read_bytes())
        self.files = {"secret": self.challenge.places.private / "secret", "store": self._store(), "code": self._other()}
        for what, path in self.files.items():
            self.secrets[what] = sha(path.read_bytes())
        self.house_token = os.environ["HOUSE_TOKEN"]
        self.victim = folder / "victim"
        self.victim.write_text("as it was")
        self._listen()
        self._share()
        self.signals: list[int] = []
        self._lay_ready()
        self._open_beside()
        self.neighbour: subprocess.Popen[str] = self.start_neighbour()

    def _challenge(self) -> Challenge:
        made = Challenge.create(self.folder / "challenge", title="attacked")
        text = made.places.rules.read_text()
        made.places.rules.write_text(text.replace("baselines = true", 'baselines = ["constant"]'))
        made = Challenge.open(made.places.root)
        made.add_table(frame(), TableOptions(name="little", target="y"))
        self._ends.append(made.close)
        return made

    def _store(self) -> Path:
        """The store, once it is there."""
        self.challenge.store.entries()
        return next(path for path in self.challenge.places.private.glob("*") if path.suffix in (".db", ".sqlite"))

    def _other(self) -> Path:
        """Another team's entry, whose code is nobody else's business."""
        code = self.folder / "other.py"
        code.write_text(
            f"KEY = {secrets.token_hex(8)!r}\nclass Model:\n    def fit(s, X, y): ...\n    def predict(s, X): ...\n"
        )
        return Path(self.challenge.submit(code, team="others").entry.source.folder) / "other.py"

    def _listen(self) -> None:
        self.ears: dict[str, Ear] = {}
        kinds = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
        for what, kind in kinds.items():
            self.ears[what] = Ear(socket.AF_INET, kind, ("127.0.0.1", 0))
        self.abstract = f"bakeoff-attack-{secrets.token_hex(4)}"
        self.ears["abstract"] = Ear(socket.AF_UNIX, socket.SOCK_STREAM, "\0" + self.abstract)
        self.service = self.folder / "service.sock"
        self.ears["named"] = Ear(socket.AF_UNIX, socket.SOCK_STREAM, str(self.service))
        self.service.chmod(0o666)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.caller_port: int = free.getsockname()[1]
        self.ears["caller"] = Ear.calling(self.caller_port)
        self._ends += [ear.close for ear in self.ears.values()]

    def _share(self) -> None:
        """Memory and keys that the system keeps for the house."""
        self.shared_key, content, remove = segment()
        self.secrets["shared"] = sha(content)
        self._ends.append(remove)
        self.key_name, key = f"bakeoff-{secrets.token_hex(4)}", secrets.token_bytes(16)
        self.has_keyring = keep_in_keyring(self.key_name, key)
        self.secrets["key"] = sha(key)
        self.clock = Clock()
        self._ends.append(self.clock.close)

    def _lay_ready(self) -> None:
        """The asked rows as the house stages them; where there is no house, in a folder of that kind."""
        (task,) = self.challenge.tasks()
        rows = self.challenge.data(task)
        self.asked_notes = sorted(set(rows.test["note"]) - set(rows.train["note"]))
        self.tmp = tempfile.gettempdir()
        if self.level is None:
            stage = self.folder / "tmp" / "bakeoff-stage-1"
            stage.mkdir(parents=True)
            rows.test.to_parquet(stage / "call-0.parquet")
            self.tmp = str(stage.parent)

    def _open_beside(self) -> None:
        """Another entry that runs at the same time, with a file of its own."""
        self.box_file = self.folder / "beside"
        if self.level is None:
            self._beside = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(3600)"])
            self._ends.append(self._end_plain)
        else:
            box = open_box(self.level)
            self._beside = box.process
            self.box_file = box.folder / "code" / "theirs.py"
            self._ends.append(box.close)
        key = secrets.token_bytes(16)
        self.box_file.write_bytes(key)
        self.secrets["box"] = sha(key)

    def _end_plain(self) -> None:
        self._beside.kill()
        self._beside.wait()

    @property
    def box_pid(self) -> int:
        """The process of the entry beside that runs its code, as the host numbers it."""
        return [self._beside.pid, *(child.pid for child in psutil.Process(self._beside.pid).children(True))][-1]

    def start_neighbour(self) -> subprocess.Popen[str]:
        """Another process of the house: in the challenge's folder, the truth open, a secret in memory."""
        held = secrets.token_hex(16)
        self.secrets["memory"] = sha(held.encode())
        self.memory_length = len(held)
        started = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", NEIGHBOUR, str(self.truth), held],
            cwd=self.challenge.places.root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert started.stdout is not None
        self.memory_address = int(started.stdout.readline())
        return started

    @property
    def house(self) -> int:
        """The house's own process id."""
        return os.getpid()

    @property
    def pid(self) -> int:
        """The neighbour's process id."""
        return self.neighbour.pid

    @property
    def devices(self) -> set[int]:
        """The file systems of the host on which anybody may write."""
        places = (self.folder, tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm", "/")
        return {os.stat(place).st_dev for place in places if os.path.isdir(place)}

    @property
    def house_places(self) -> list[str]:
        """The folders that the house's own code is loaded from."""
        return [str(Path(bakeoff.__file__).parent), sysconfig.get_paths()["purelib"]]

    @property
    def open_places(self) -> list[Path]:
        """Where an entry could leave files behind."""
        known = [
            self.folder,
            tempfile.gettempdir(),
            "/tmp",
            "/var/tmp",
            "/dev/shm",
            "/run",
            "/run/lock",
            "/",
            sys.prefix,
        ]
        return [Path(place) for place in [*known, *self.house_places, Path.home()]]

    def token(self, attack: str) -> str:
        """A word that only this attack in this scene knows."""
        return self.tokens.setdefault(attack, f"tok{secrets.token_hex(8)}")

    # From outside

    def signs(self, attack: str) -> set[str]:
        """What can be seen from outside of an attack's success; each is put right again."""
        token, seen = self.token(attack), set()
        if any(token in ear.words() for ear in self.ears.values()):
            seen.add("heard")
        if self.neighbour.poll() is not None:
            seen.add("killed")
            self.neighbour.stdin and self.neighbour.stdin.close()
            self.neighbour.stdout and self.neighbour.stdout.close()
            self.neighbour = self.start_neighbour()
        if self._beside.poll() is not None:
            seen.add("box killed")
            self._open_beside()
        if self.signals:
            self.signals.clear()
            seen.add("signalled")
        if self.victim.read_bytes() != b"as it was":
            self.victim.write_text("as it was")
            seen.add("overwritten")
        if self.clock.was_set():
            seen.add("clock")
        return seen | self._left(token)

    def _left(self, token: str) -> set[str]:
        """Processes and files that carry the token; both are taken away."""
        seen = set()
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if token in " ".join(process.cmdline()):
                    process.kill()
                    seen.add("process left")
        for place in self.open_places:
            for path in place.glob(f"{token}*"):
                kind = "house code" if str(place) in self.house_places else "file left"
                seen.add(kind)
                _remove(path)
        return seen

    def on_signal(self, number: int, _frame: Any) -> None:
        """Note that the house was sent a signal."""
        self.signals.append(number)

    @property
    def signal(self) -> int:
        """The harmless signal by which this scene's attack on the house is told from others."""
        return SIGNALS[self.name.partition(" ")[0]]

    def close(self) -> None:
        """End the neighbour and the listeners."""
        self.neighbour.kill()
        self.neighbour.communicate()
        for end in reversed(self._ends):
            end()
        shutil.rmtree(self.folder, ignore_errors=True)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()
