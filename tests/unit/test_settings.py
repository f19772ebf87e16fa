"""Settings: faults are told in one message, before anything is started."""

from pathlib import Path

import pytest

from rhizome_pipelines.settings import (
    SettingsError,
    environment_for_others,
    find_home,
    load_settings,
)


def test_the_home_is_found_upward_as_git_finds_its_own(tmp_path: Path) -> None:
    (tmp_path / ".rhizome").mkdir()
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    assert find_home(deep) == tmp_path / ".rhizome"


def test_every_fault_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RHIZOME_STORAGE_URL", "ftp://there")
    monkeypatch.setenv("RHIZOME_EMBEDDING_MODEL", "nosuch")
    monkeypatch.setenv("RHIZOME_MAX_IN_FLIGHT", "none")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    for name in ("STORAGE_URL", "EMBEDDING_MODEL", "MAX_IN_FLIGHT"):
        assert f"RHIZOME_{name}: " in caught.value.message


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("RHIZOME_CHUNK_CHARACTERS", "5000", "RHIZOME_CHUNK_CHARACTERS_MAX"),
        ("RHIZOME_CHAT_BASE_URL", "http://127.0.0.1/v1", "RHIZOME_CHAT_MODEL"),
        ("RHIZOME_EMBEDDING_MODEL", "endpoint:small", "RHIZOME_EMBEDDING_BASE_URL"),
    ],
)
def test_what_makes_no_sense_together_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=told):
        load_settings()


def test_secrets_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RHIZOME_DATABASE_URL", "postgresql://me:hush@host/db")
    monkeypatch.setenv("RHIZOME_CHAT_API_KEY", "hush-hush")
    assert "hush" not in repr(load_settings())


def test_processes_started_elsewhere_are_told_what_the_file_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text(
        "RHIZOME_HISTORY_DAYS=7\nrhizome_max_in_flight=3\nRHIZOME_CHAT_MODEL=small\nOTHER=no\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RHIZOME_HISTORY_DAYS", "9")
    monkeypatch.setenv("RHIZOME_CHAT_MODEL", "")
    told = environment_for_others()
    assert told["RHIZOME_HISTORY_DAYS"] == "9", "the environment goes before the file"
    assert told["RHIZOME_MAX_IN_FLIGHT"] == "3"
    assert told["RHIZOME_CHAT_MODEL"] == "small", "set but empty counts as not set"
    assert "OTHER" not in told
