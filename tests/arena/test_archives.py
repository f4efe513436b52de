"""Archives of entries: unpacked behind the wall, and refused in one sentence where they are a trick."""

import contextlib
import io
import os
import stat
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

from bakeoff.arena.archives import Room, _Kept, is_archive, unpack
from bakeoff.arena.entries import read_entry
from bakeoff.arena.submission import opened
from bakeoff.arena.wall.confinement import PREFIX
from bakeoff.errors import EntryError

MODEL = "class Model:\n    def fit(self, X, y): return self\n    def predict(self, X): return [0] * len(X)\n"
SETTINGS = 'name = "best"\nalgorithm = "part.model:Model"\n'


def zipped(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def tarred(path, files, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode() if isinstance(text, str) else text))
    return path


def plain(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("name", ["MINE.ZIP", "mine.tar.gz", "mine.tar.xz"])
def test_an_entry_is_read_from_an_archive_as_from_its_folder(tmp_path, name):
    mode = "w:xz" if name.endswith("xz") else "w:gz"
    files = {"mine/entry.toml": SETTINGS, "mine/part/model.py": MODEL, "__MACOSX/mine/._x": "x", "mine/.DS_Store": "x"}
    path = tmp_path / name
    zipped(path, files) if name.lower().endswith("zip") else tarred(path, files, mode)
    folder = tmp_path / "mine"
    (folder / "part").mkdir(parents=True)
    (folder / "entry.toml").write_text(SETTINGS)
    (folder / "part" / "model.py").write_text(MODEL)
    assert is_archive(path)
    with opened(path) as place:
        found = read_entry(place)
        assert plain(place) == plain(folder)
    assert (found.name, found.digest) == ("best", read_entry(folder).digest)
    assert not place.exists()


def test_archives_are_known_by_their_ending():
    names = ["a.zip", "a.tar", "a.tar.gz", "a.tgz", "a.tar.bz2", "a.tar.xz", "A.Zip", "a.gz", "a.py", "zip", "a.zip.py"]
    assert [name for name in names if is_archive(Path(name))] == names[:7]


def test_an_archive_without_a_folder_of_its_own_is_named_by_itself(tmp_path):
    with opened(zipped(tmp_path / "quick.zip", {"model.py": MODEL})) as place:
        assert read_entry(place).name == "quick"


def test_a_path_that_is_no_archive_is_left_as_it_is(tmp_path):
    for path in (tmp_path, tmp_path / "gone.zip", tmp_path / "model.py"):
        with opened(path) as place:
            assert place == path


def test_what_is_wrong_inside_is_told_by_the_archives_name(tmp_path):
    path = zipped(tmp_path / "mine.zip", {"mine/entry.toml": 'algoritm = "x"\n', "mine/model.py": MODEL})
    with (
        pytest.raises(EntryError, match=r"^mine.zip: mine/entry.toml has an unknown key 'algoritm'"),
        opened(path) as at,
    ):
        read_entry(at)


def link(path):
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("truth.csv")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")


def locked(path):
    zipped(path, {"model.py": MODEL})
    data = bytearray(path.read_bytes())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + at] |= 1
    path.write_bytes(bytes(data))


def overlapping(path):
    """Two entries of the directory that share one file's bytes, as a bomb that shares them a million times."""
    zipped(path, {"a.py": MODEL, "b.py": MODEL})
    data = bytearray(path.read_bytes())
    second = data.rindex(b"PK\x01\x02")
    struct.pack_into("<L", data, second + 42, 0)
    path.write_bytes(bytes(data))


def doubled(path):
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "w") as archive:
        for _ in range(2):
            archive.writestr("model.py", MODEL)


def tar_with(**about):
    def make(path):
        with tarfile.open(path, "w:gz") as archive:
            info = tarfile.TarInfo(about.pop("name", "thing"))
            for key, value in about.items():
                setattr(info, key, value)
            archive.addfile(info)

    return make


def sparse(path):
    """Ten gigabytes of nothing, as GNU tar writes them."""
    info = tarfile.TarInfo("model.bin")
    info.type = tarfile.GNUTYPE_SPARSE
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[386:410] = b"%011o\0%011o\0" % (0, 0)
    header[483:495] = b"%011o\0" % (8 << 30)
    header[148:156] = b"        "
    header[148:156] = b"%06o\0 " % sum(header)
    path.write_bytes(bytes(header) + bytes(1024))


TRICKS = {
    "link.zip": (link, "holds 'truth.csv', which is a link or no plain file"),
    "locked.zip": (locked, "is locked with a password; pack it without one"),
    "overlapping.zip": (overlapping, "its files overlap each other, as those of a zip bomb do"),
    "doubled.zip": (doubled, "holds 'model.py' twice"),
    "up.zip": (lambda p: zipped(p, {"../../up.py": MODEL}), "holds '../../up.py', which would lie outside"),
    "many.zip": (lambda p: zipped(p, {f"{i}.py": "" for i in range(2100)}), "holds more than the 2,000 files"),
    "bomb.zip": (lambda p: zipped(p, {"a.bin": bytes(300 << 20)}), "unpacks to more than the 256 MiB"),
    "empty.zip": (lambda p: zipped(p, {}), "holds no files"),
    "cut.zip": (lambda p: p.write_bytes(b"PK\x03\x04 no more"), "is damaged, or not such an archive"),
    "none.tar.gz": (lambda p: p.write_bytes(b"nothing at all"), "is damaged, or not such an archive"),
    "link.tar.gz": (tar_with(type=tarfile.SYMTYPE, linkname="/etc/passwd"), "holds 'thing', which is a link"),
    "hard.tar.gz": (tar_with(type=tarfile.LNKTYPE, linkname="model.py"), "holds 'thing', which is a link"),
    "pipe.tar.gz": (tar_with(type=tarfile.FIFOTYPE), "no plain file"),
    "device.tar.gz": (tar_with(type=tarfile.CHRTYPE, devmajor=1, devminor=5), "no plain file"),
    "up.tar.gz": (lambda p: tarred(p, {"../up.py": MODEL}), "holds '../up.py', which would lie outside"),
    "sparse.tar": (sparse, "a sparse file or no plain file"),
    "bomb.tar.gz": (lambda p: tarred(p, {"a.bin": bytes(300 << 20)}), "unpacks to more than the 256 MiB"),
}


def boxes():
    return {box for box in os.listdir("/tmp") if box.startswith(f"{PREFIX}{os.getpid()}-")}


@pytest.mark.parametrize("name", list(TRICKS))
def test_a_trick_is_refused_in_one_sentence_and_leaves_nothing(tmp_path, name):
    make, message = TRICKS[name]
    path = tmp_path / name
    make(path)
    before = boxes()  # those of other tests of this process
    with pytest.raises(EntryError) as error:
        unpack(path, tmp_path / "out")
    assert str(error.value).startswith(name)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert str(error.value).isprintable()
    assert not (tmp_path / "up.py").exists()
    assert not list(tmp_path.parent.glob("up.py"))
    assert boxes() <= before


def test_an_archive_within_an_archive_stays_packed(tmp_path):
    inner = zipped(tmp_path / "inner.zip", {"a.bin": bytes(200 << 20)}).read_bytes()
    path = zipped(tmp_path / "outer.zip", {f"{i}.zip": inner for i in range(20)} | {"model.py": MODEL})
    with opened(path) as place:
        assert len(list(place.glob("*.zip"))) == 20
        assert read_entry(place).source.what == "model"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["/etc/up.py"], r"'/etc/up.py', which would lie outside of it"),
        (["a\\..\\up.py"], "which would lie outside"),
        (["a/./../../b"], "which would lie outside"),
        ([""], "which would lie outside"),
        (["a\0b"], "which would lie outside"),
        (["a\x1b[31m.py"], r"'a\ufffd\[31m.py', which is no plain name of a file"),
        (["a\u202egnp.py"], r"which is no plain name of a file"),
        (["a\ud800"], "which is no plain name of a file"),
        (["a" * 300], "which is no plain name of a file"),
        (["a/" * 20 + "x.py"], "which lies deeper than 16 folders"),
        (["model.py", "model.py"], r"holds 'model.py' twice\."),
        (["model.py", "Model.py"], r"holds 'Model.py' beside 'model.py', which a disk may not tell apart"),
        (["caf\u00e9.py", "cafe\u0301.py"], r"which a disk may not tell apart"),
        (["a/x.py", "A/y.py"], r"holds 'A/y.py' beside 'a'"),
        (["a", "a/y.py"], r"holds 'a/y.py' beside 'a'"),
        (["a/y.py", "a"], r"holds 'a' twice"),
        ([f"{i}.py" for i in range(12)], "holds more than the 10 files that an entry may have"),
        ([5], "is not a name"),
        ([None], "has no name"),
    ],
)
def test_a_reader_that_was_taken_over_gains_nothing(tmp_path, names, message):
    """The box is not believed: what it says is checked here, whatever the archive held."""
    home = tmp_path / "in" / "home"
    home.mkdir(parents=True)
    with contextlib.closing(_Kept("mine.zip", home, Room(files=10))) as kept:
        with pytest.raises(EntryError, match=message) as error:
            for name in names:
                kept.take({"name": name}, b"x")
        assert "\n" not in str(error.value)
    assert list(tmp_path.rglob("up.py")) == []
    assert len(list(home.rglob("*.py"))) <= 10


def test_bytes_are_counted_over_all_files(tmp_path):
    kept = _Kept("mine.zip", tmp_path, Room(total=10))
    kept.take({"name": "a"}, b"12345")
    kept.take({"name": "b"}, b"12345")
    with pytest.raises(EntryError, match="unpacks to more than"):
        kept.take({}, b"1")
    kept.close()
    assert plain(tmp_path) == {"a": b"12345", "b": b"12345"}
