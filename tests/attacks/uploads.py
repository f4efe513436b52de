"""Files that are handed in: not what their names say, without end, or reaching outside of their folder."""

from __future__ import annotations

import functools
import io
import json
import os
import shutil
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attacking import Attack, Goal, Told, path_for

PATIENCE = 90
LIMITED = "import resource; resource.setrlimit(resource.RLIMIT_AS, (3 << 29, 3 << 29))\n"
READ = LIMITED + "import signal, sys; signal.alarm(1); open(sys.argv[1], 'rb').read()"
PARSE = LIMITED + "import sys, pandas; pandas.read_parquet(sys.argv[1])"
PARSE_CODE = LIMITED + "import ast, sys; ast.parse(open(sys.argv[1], 'rb').read())"
COPY = LIMITED + "import shutil, sys; shutil.copyfile(sys.argv[1], sys.argv[1] + '.copy')"
UNPACK = f"""{LIMITED}
import os, sys, tarfile, zipfile
home = sys.argv[2]
if tarfile.is_tarfile(sys.argv[1]):
    tarfile.open(sys.argv[1]).extractall(home, filter="fully_trusted")
else:
    with zipfile.ZipFile(sys.argv[1]) as archive:
        for one in archive.infolist():
            os.makedirs(os.path.dirname(os.path.join(home, one.filename)), exist_ok=True)
            open(os.path.join(home, one.filename), "wb").write(archive.read(one))
"""
SUBMIT = """
import json, signal, sys
from bakeoff.arena import Challenge
from bakeoff.errors import BakeoffError

def late(*_):
    raise TimeoutError("it has not answered")

def held():
    # getrusage would begin with the memory of the process that started this one, and hide what is below that.
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return int(status["VmHWM"].split()[0]) >> 10

challenge = Challenge.open(sys.argv[1])
signal.signal(signal.SIGALRM, late)
for name, path in json.loads(sys.argv[2]).items():
    said, before = {"name": name, "accepted": False, "reason": "", "fell": ""}, held()
    signal.alarm(150)
    try:
        challenge.submit(path, name=name)
        said["accepted"] = True
    except BakeoffError as error:
        said["reason"] = str(error)
    except Exception as error:
        said["fell"] = f"{type(error).__name__}: {error}"
    signal.alarm(0)
    if held() - before > 512:
        said["fell"] = f"its memory grew by {held() - before} MiB"
    print(json.dumps(said), flush=True)
"""
ENTRY = "class Model:\n    def fit(self, X, y): return self\n    def predict(self, X): return ['yes'] * len(X)\n"


@dataclass(frozen=True)
class Upload:
    """A path that a stranger hands in: `make` lays it down, `careless` is what a house does with it that trusts it."""

    make: Callable[[Any, Path], Path]
    careless: str

    @staticmethod
    def behind(attacks: Sequence[Attack], scene: Any) -> dict[str, Told]:
        """Submit them one after the other from a process of their own, which must answer each and stay small."""
        # Who may not make a device cannot hand one in.
        told = {
            attack.name: Told(reason="only root can make it")
            for attack in attacks
            if attack.needs == "root" and os.geteuid() != 0
        }
        attacks = [attack for attack in attacks if attack.name not in told]
        paths = {attack.name: str(attack.way.make(scene, _new(scene, attack.name))) for attack in attacks}
        done = subprocess.run(
            [sys.executable, "-c", SUBMIT, str(scene.challenge.places.root), json.dumps(paths)],
            env={**os.environ, "PATH": path_for(scene)},
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        said = {one["name"]: one for one in map(json.loads, done.stdout.splitlines())}
        for name in paths:
            one = said.get(name, {"accepted": False, "reason": "", "fell": done.stderr or "nobody answered"})
            told[name] = Told(reason=one["reason"], accepted=one["accepted"], fell=one["fell"])
            told[name].signs = frozenset(scene.signs(name))
        return told

    def plainly(self, attack: Attack, scene: Any) -> Told:
        """Let a careless house read, copy or unpack it within 1.5 GiB; it falls when it cannot."""
        path = self.make(scene, _new(scene, attack.name))
        home = path.parent / "unpacked"
        home.mkdir()
        files = sorted(path.glob("little.*")) if path.is_dir() else [path]
        told = Told()
        done = subprocess.run(
            [sys.executable, "-I", "-c", self.careless, str(files[0]), str(home)],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        if done.returncode:
            told.fell = done.stderr.strip().rpartition("\n")[2] or f"ended by signal {-done.returncode}"
        told.accepted = not told.fell
        told.text = " ".join(_unpacked(home, files[0], scene))
        told.signs = frozenset(scene.signs(attack.name))
        shutil.rmtree(path.parent)
        return told


def _unpacked(home: Path, file: Path, scene: Any) -> list[str]:
    """What came of unpacking or copying: its size, the number of files, and the truth if it is among them."""
    from scene import sha

    found = [path for path in home.rglob("*") if path.is_file()]
    words = [f"MIB {sum(path.stat().st_size for path in found) >> 20}", f"FILES {len(found)}"]
    copy = file.with_name(f"{file.name}.copy")
    for path in (*found, copy):
        if path.is_file() and path.stat().st_size == scene.truth.stat().st_size:
            words.append(sha(path.read_bytes()))
    return words


def _new(scene: Any, name: str) -> Path:
    folder = scene.folder / "uploads" / name
    folder.mkdir(parents=True)
    return Path(folder)


# What is handed in


def _predictions(folder: Path) -> Path:
    """A folder that says it holds predictions, and where they would be."""
    inner = folder / "entry"
    inner.mkdir()
    (inner / "entry.toml").write_text('predictions = "."\n')
    return inner


def sparse_predictions(scene: Any, folder: Path) -> Path:
    inner = _predictions(folder)
    with open(inner / "little.csv", "wb") as file:
        file.truncate(10_000_000_000)
    return inner


def sparse_code(scene: Any, folder: Path) -> Path:
    with open(folder / "model.py", "wb") as file:
        file.truncate(10_000_000_000)
    return folder / "model.py"


def wordy_code(scene: Any, folder: Path) -> Path:
    """Code that is small enough to be handed in, and that takes gigabytes once it is parsed."""
    (folder / "model.py").write_text(ENTRY + "WEIGHTS = [" + "0, " * 8_000_000 + "]\n")
    return folder / "model.py"


def pipe_predictions(scene: Any, folder: Path) -> Path:
    inner = _predictions(folder)
    os.mkfifo(inner / "little.csv")
    return inner


def pipe_code(scene: Any, folder: Path) -> Path:
    os.mkfifo(folder / "model.py")
    return folder / "model.py"


def device_predictions(scene: Any, folder: Path) -> Path:
    inner = _predictions(folder)
    os.mknod(inner / "little.csv", 0o600 | 0o020000, os.makedev(1, 5))  # /dev/zero
    return inner


def linked_predictions(scene: Any, folder: Path) -> Path:
    inner = _predictions(folder)
    (inner / "little.csv").symlink_to(scene.truth)
    return inner


def _zip(folder: Path, members: dict[str, bytes]) -> Path:
    path = folder / "entry.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def zip_bomb(scene: Any, folder: Path) -> Path:
    return _zip(folder, {"model.py": ENTRY.encode(), "weights.bin": bytes(300 << 20)})


def zip_of_many(scene: Any, folder: Path) -> Path:
    return _zip(folder, {"model.py": ENTRY.encode(), **{f"part{number}": b"" for number in range(5000)}})


def zip_outside(scene: Any, folder: Path) -> Path:
    above = "../" * 12 + str(scene.folder / scene.token("zip_outside"))[1:]
    return _zip(folder, {"model.py": ENTRY.encode(), above: b"evil"})


def zip_overlapping(scene: Any, folder: Path) -> Path:
    """Twenty files that share one block of data: each one's stream quotes the next one's header and goes on with it.

    After D. Fifield, A better zip bomb, WOOT 2019.
    """
    plain = bytes(16 << 20)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    stream = packer.compress(plain) + packer.flush()
    files: list[tuple[bytes, bytes]] = []
    for number in reversed(range(20)):
        name = f"part{number:02}".encode()
        told = struct.pack("<HHHHHIIIH", 20, 0, 8, 0, 33, zlib.crc32(plain), len(stream), len(plain), len(name))
        files.insert(0, (name, told))
        header = b"PK\x03\x04" + told + b"\0\0" + name
        stream = struct.pack("<BHH", 0, len(header), len(header) ^ 0xFFFF) + header + stream
        plain = header + plain
    data, listed, place = stream[5:], b"", 0
    for name, told in files:
        listed += b"PK\x01\x02\x14\0" + told + struct.pack("<HHHHII", 0, 0, 0, 0, 0, place) + name
        place += 30 + len(name) + 5
    end = struct.pack("<HHHHIIH", 0, 0, len(files), len(files), len(listed), len(data), 0)
    path = folder / "entry.zip"
    path.write_bytes(data + listed + b"PK\x05\x06" + end)
    return path


def _tar(folder: Path, member: tarfile.TarInfo) -> Path:
    path = folder / "entry.tar"
    with tarfile.open(path, "w") as archive:
        code = tarfile.TarInfo("entry/model.py")
        code.size = len(ENTRY)
        archive.addfile(code, io.BytesIO(ENTRY.encode()))
        archive.addfile(member)
    return path


def tar_with_links(kind: bytes) -> Callable[[Any, Path], Path]:
    def make(scene: Any, folder: Path) -> Path:
        member = tarfile.TarInfo("entry/little.csv")
        member.type, member.linkname = kind, str(scene.truth)
        return _tar(folder, member)

    return make


# Prediction files, which are read in a box


def malformed_parquet(scene: Any, folder: Path) -> None:
    """A footer that claims more than there is, between the right first and last bytes."""
    (folder / "entry.toml").write_text('predictions = "."\n')
    (folder / "little.parquet").write_bytes(
        b"PAR1" + os.urandom(64) + b"\x15\x04" * 200 + b"\xff\xff\xff\x7f" + b"PAR1"
    )


def parquet_bomb(scene: Any, folder: Path) -> None:
    """A few KiB that become gigabytes of the same number."""
    (folder / "entry.toml").write_text('predictions = "."\n')
    (folder / "little.parquet").write_bytes(_rows_of_zero())


@functools.cache
def _rows_of_zero() -> bytes:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    zeros = pa.array(np.zeros(10_000_000, dtype=np.int64))
    table, written = pa.table({"row_id": zeros, "prediction": zeros}), io.BytesIO()
    with pq.ParquetWriter(written, table.schema, compression="zstd") as writer:
        for _ in range(4):
            writer.write_table(table)
    return written.getvalue()


def read_plainly(attack: Attack, scene: Any) -> Told:
    """Read a prediction file in the house's own process, within 1.5 GiB."""
    folder = _new(scene, attack.name)
    assert attack.make is not None
    attack.make(scene, folder)
    done = subprocess.run(
        [sys.executable, "-I", "-c", PARSE, str(folder / "little.parquet")],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    shutil.rmtree(folder)
    return Told(fell=done.stderr.strip().rpartition("\n")[2] if done.returncode else "")


def taken(scene: Any, told: Told) -> bool:
    """Succeeded when it was accepted, or the house fell over it."""
    return told.accepted or bool(told.fell)


def beyond(goal: str, most: int) -> Goal:
    """Succeeded when the entry was accepted as it is, or more came of it than that."""
    import re

    def reached(scene: Any, told: Told) -> bool:
        found = re.search(rf"{goal} (\d+)", told.text)
        return int(found[1]) > most if found else told.accepted or bool(told.fell)

    return reached


def reads_truth(scene: Any, told: Told) -> bool:
    """Succeeded when the truth lies where an entry's own files would, or the link itself was taken."""
    return scene.secrets["truth"] in told.text if told.text else told.accepted


def left_outside(scene: Any, told: Told) -> bool:
    """Succeeded when a file was written outside of the entry's folder."""
    return "file left" in told.signs


def upload(
    name: str, tries: str, goal: Goal, make: Callable[[Any, Path], Path], careless: str, needs: str = ""
) -> Attack:
    return Attack(name, tries, goal, needs=needs, way=Upload(make, careless))


UPLOADS = [
    upload("sparse_predictions", "a prediction file of 10 GB of nothing", taken, sparse_predictions, READ),
    upload("sparse_code", "an entry's code of 10 GB of nothing", taken, sparse_code, READ),
    upload("code_of_many_words", "24 MB of code that take gigabytes once parsed", taken, wordy_code, PARSE_CODE),
    upload("pipe_as_predictions", "a FIFO as the prediction file", taken, pipe_predictions, READ),
    upload("pipe_as_code", "a FIFO as the entry's code", taken, pipe_code, READ),
    upload(
        "device_as_predictions", "a device without end as the prediction file", taken, device_predictions, READ, "root"
    ),
    upload("link_as_predictions", "a link to the truth as the prediction file", reads_truth, linked_predictions, COPY),
    upload("zip_bomb", "an archive of 300 KiB that unpacks to 300 MiB", beyond("MIB", 270), zip_bomb, UNPACK),
    upload(
        "zip_of_overlaps",
        "an archive whose names share one block: 320 MiB of 16 KiB",
        beyond("MIB", 270),
        zip_overlapping,
        UNPACK,
    ),
    upload("zip_of_many", "an archive of 5,000 files", beyond("FILES", 4999), zip_of_many, UNPACK),
    upload("zip_outside", "an archive with a name that leads outside", left_outside, zip_outside, UNPACK),
    upload(
        "tar_symbolic_link", "an archive with a link to the truth", reads_truth, tar_with_links(tarfile.SYMTYPE), UNPACK
    ),
    upload(
        "tar_hard_link",
        "an archive with a hard link to the truth",
        reads_truth,
        tar_with_links(tarfile.LNKTYPE),
        UNPACK,
    ),
]
