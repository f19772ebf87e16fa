import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rhizome_pipelines.warm_launcher.identity import ProcessIdentity
from rhizome_pipelines.warm_launcher.place import Place
from rhizome_pipelines.warm_launcher.registry import Entry, Registry


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    place = Place(tmp_path / "place")
    place.prepare()
    return Registry(place)


@pytest.fixture
def me() -> ProcessIdentity:
    identity = ProcessIdentity.of(os.getpid())
    assert identity is not None
    return identity


@pytest.fixture
def other() -> Iterator[ProcessIdentity]:
    with subprocess.Popen(["sleep", "60"]) as process:
        identity = ProcessIdentity.of(process.pid)
        assert identity is not None
        yield identity
        process.kill()


def test_a_worker_is_found_until_it_is_forgotten(registry: Registry, me: ProcessIdentity) -> None:
    entry = Entry("a-run", me, "/a/socket")
    assert registry.add(entry) == me
    assert registry.find("a-run") == entry
    assert list(registry.entries()) == [entry]
    registry.remove("a-run", me)
    assert registry.find("a-run") is None
    registry.remove("a-run", me)


def test_a_run_has_one_worker_that_lives(
    registry: Registry, me: ProcessIdentity, other: ProcessIdentity
) -> None:
    registry.add(Entry("a-run", other, ""))
    assert registry.add(Entry("a-run", me, "")) == other
    registry.remove("a-run", me)
    found = registry.find("a-run")
    assert found is not None
    assert found.worker == other


def test_one_that_is_gone_is_replaced(registry: Registry, me: ProcessIdentity) -> None:
    registry.add(Entry("a-run", replace(me, started="1"), ""))
    assert registry.add(Entry("a-run", me, "")) == me


def test_one_of_another_machine_is_not_replaced(registry: Registry, me: ProcessIdentity) -> None:
    elsewhere = replace(me, machine="elsewhere/1/2")
    registry.add(Entry("a-run", elsewhere, ""))
    assert registry.add(Entry("a-run", me, "")) == elsewhere


def test_those_that_are_gone_are_cleared_away(registry: Registry, me: ProcessIdentity) -> None:
    registry.add(Entry("lives", me, ""))
    registry.add(Entry("gone", replace(me, started="1"), ""))
    registry.add(Entry("elsewhere", replace(me, machine="elsewhere/1/2"), ""))
    registry.clear_away()
    assert [entry.run_id for entry in registry.entries()] == ["elsewhere", "lives"]


def test_what_is_no_entry_is_none(registry: Registry) -> None:
    for number, text in enumerate(["", "{}", "[]", '{"worker": "x", "socket": ""}', "\x00"]):
        (registry.place.workers / f"run-{number}.json").write_text(text)
    assert list(registry.entries()) == []


@pytest.mark.parametrize("run_id", ["", "../up", "a/b", "x" * 65])
def test_what_is_no_run_id_gets_no_file(
    registry: Registry, me: ProcessIdentity, run_id: str
) -> None:
    with pytest.raises(ValueError, match="is not the id of a run"):
        registry.add(Entry(run_id, me, ""))


def test_what_cannot_be_written_leaves_nothing_behind(
    registry: Registry, me: ProcessIdentity, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, text: str) -> None:
        path.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        registry.add(Entry("a-run", me, ""))
    assert list(registry.place.workers.iterdir()) == []
