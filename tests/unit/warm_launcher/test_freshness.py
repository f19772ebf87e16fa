import importlib.util
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rhizome_pipelines.warm_launcher.freshness import Snapshot

PACKAGE = "freshly_loaded"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package that is loaded."""
    folder = tmp_path / PACKAGE
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "table.csv").write_text("1")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module(PACKAGE)
    yield folder
    del sys.modules[PACKAGE]


def test_nothing_has_changed_at_first(package: Path) -> None:
    assert Snapshot.take().changes() == []


@pytest.mark.parametrize("name", ["__init__.py", "table.csv"])
def test_a_file_of_a_loaded_package_that_is_another_one_is_a_change(
    package: Path, name: str
) -> None:
    snapshot = Snapshot.take()
    (package / name).write_text("# longer")
    assert snapshot.changes() == [str(package / name)]


def test_a_file_that_is_replaced_by_an_older_one_is_a_change(package: Path) -> None:
    snapshot = Snapshot.take()
    (package / "draft").touch()
    (package / "draft").rename(package / "__init__.py")
    assert snapshot.changes() == [str(package / "__init__.py")]


def test_files_that_come_and_go_are_changes(package: Path) -> None:
    snapshot = Snapshot.take()
    (package / "new.py").touch()
    (package / "table.csv").unlink()
    assert snapshot.changes() == [str(package / "new.py"), str(package / "table.csv")]


def test_what_a_program_writes_beside_its_scripts_is_no_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "freshly_scripted.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("freshly_scripted")
    snapshot = Snapshot.take()
    (tmp_path / "results.csv").touch()
    assert snapshot.changes() == []
    (tmp_path / "other.py").touch()
    assert snapshot.changes() == [str(tmp_path / "other.py")]
    del sys.modules["freshly_scripted"]


def test_a_watched_file_need_not_be_there(tmp_path: Path) -> None:
    snapshot = Snapshot.take([str(tmp_path / ".env")])
    assert snapshot.changes() == []
    (tmp_path / ".env").touch()
    assert snapshot.changes() == [str(tmp_path / ".env")]


def test_a_pattern_watches_files_that_come_and_go(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.yaml").touch()
    snapshot = Snapshot.take([str(tmp_path / "**" / "*.yaml")])
    assert snapshot.changes() == []
    (tmp_path / "deep" / "b.yaml").touch()
    (tmp_path / "deep" / "a.yaml").unlink()
    assert snapshot.changes() == [str(tmp_path / "deep" / f"{name}.yaml") for name in "ab"]


def test_a_script_that_was_named_relatively_is_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("freshly_run.py").write_text("")
    spec = importlib.util.spec_from_file_location("freshly_run", "freshly_run.py")
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    module.__file__ = "freshly_run.py"
    monkeypatch.setitem(sys.modules, "freshly_run", module)
    snapshot = Snapshot.take()
    Path("freshly_run.py").write_text("# longer")
    assert snapshot.changes() == [str(tmp_path / "freshly_run.py")]


def test_a_file_that_changed_while_it_was_loaded_is_told(package: Path) -> None:
    snapshot = Snapshot.take()
    assert str(package / "__init__.py") in snapshot.changed_since(time.time() - 3600)
    assert snapshot.changed_since(time.time() + 3600) == []
