"""What works here is said, with the mend for what does not."""

from __future__ import annotations

from bakeoff.arena.wall.confinement import why_no_bubblewrap


def test_it_names_what_it_looked_at(say, tmp_path):
    said = say("doctor", "-C", tmp_path)
    for word in ("python", "wall", "cores", "memory", "extra neural", "store", "no challenge in"):
        assert word in said.out
    checks = {check["name"]: check for check in say("doctor", "-C", tmp_path, "--json").json["checks"]}
    assert checks["wall"]["well"] is not why_no_bubblewrap()
    assert checks["extra dev"]["well"]
    assert [check for name, check in checks.items() if check["needed"] is name.startswith("extra")] == []
    missing = [check for name, check in checks.items() if name.startswith("extra") and not check["well"]]
    for check in missing:
        assert check["mend"] == f"pip install 'bakeoff[{check['name'].removeprefix('extra ')}]'"


def test_all_is_well_without_the_optional_parts_and_not_without_a_needed_one(say, tmp_path, monkeypatch):
    from bakeoff.cli import doctor

    def well() -> bool:
        return say("doctor", "-C", tmp_path, "--json").json["well"]

    monkeypatch.setattr(doctor, "_wall", lambda: doctor.Check("wall", "works"))
    assert [check for check in doctor._extras() if not check.well], "this needs an extra that is not installed"
    assert well()
    monkeypatch.setattr(doctor, "_wall", lambda: doctor.Check("wall", "is not there", False, "build it"))
    assert not well()


def test_a_broken_store_is_a_finding_and_no_crash(say, tmp_path):
    folder = tmp_path / "shop"
    say("new", "challenge", folder)
    assert "'shop': 0 tasks" in say("doctor", "-C", folder).out
    (folder / ".bakeoff" / "store.db").write_bytes(b"this is not a database" * 100)
    said = say("doctor", "-C", folder)
    assert "cannot be opened" in said.out
    assert "store.db" in said.out


def test_strict_leaves_with_5_where_there_is_no_bubblewrap(say, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    why_no_bubblewrap.cache_clear()
    try:
        said = say("doctor", "-C", tmp_path, "--strict", code=5)
    finally:
        why_no_bubblewrap.cache_clear()
    assert "apt install bubblewrap" in said.out
    assert said.err.startswith("bakeoff: Entries cannot be confined by bubblewrap here")
