from pathlib import Path

import pytest

from rhizome_pipelines.warm_launcher.place import NotPrivateError, Place, digest_of

FOLDER = Path("/somewhere")


def digest(*parts: str, **environment: str) -> str:
    return digest_of(*parts, environment=environment, folder=FOLDER)


def test_code_instance_and_environment_make_another_digest() -> None:
    first = digest("instance", "code", FLAVOUR="sweet")
    assert first == digest("instance", "code", FLAVOUR="sweet")
    assert first != digest("other instance", "code", FLAVOUR="sweet")
    assert first != digest("instance", "other code", FLAVOUR="sweet")
    assert first != digest("instance", "code", FLAVOUR="sour")
    assert first != digest("instance", "code")


def test_what_belongs_to_the_terminal_or_to_a_server_makes_no_difference() -> None:
    assert digest("x", PWD="/a", SHLVL="1", DAGSTER_GRPC_SOCKET="/b") == digest("x", PWD="/c")


def test_variables_that_are_no_text_have_a_digest() -> None:
    assert digest("x", ODD="\udcff") != digest("x", ODD="\udcfe")


def test_other_folder_other_digest() -> None:
    assert digest_of("x", environment={}, folder=FOLDER) != digest_of(
        "x", environment={}, folder=FOLDER / "else"
    )


def test_a_new_folder_is_closed_to_others(tmp_path: Path) -> None:
    place = Place(tmp_path / "a" / "b")
    place.prepare()
    assert place.folder.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_a_folder_that_others_can_write_to_is_refused_with_a_sentence(
    tmp_path: Path, mode: int
) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(mode)
    with pytest.raises(NotPrivateError, match=r"open must be a folder .* `state_dir`"):
        Place(tmp_path / "open").prepare()


def test_the_sockets_of_two_places_do_not_meet_and_have_short_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    first, second = (Place(tmp_path / (name * 30)).socket("a" * 20) for name in ("long", "longer"))
    assert first != second
    assert len(first.removeprefix(str(tmp_path))) < 70


def test_a_long_log_is_set_aside_under_those_who_write_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rhizome_pipelines.warm_launcher.place.LOG_LIMIT", 10)
    place = Place(tmp_path)
    place.trim_log()
    with place.log.open("a") as log:
        log.write("short\n")
        log.flush()
        place.trim_log()
        assert place.log.read_text() == "short\n"
        log.write("longer\n")
        log.flush()
        place.trim_log()
        log.write("next\n")
    assert place.log.read_text() == "next\n"
    assert (tmp_path / "warm.log.1").read_text() == "short\nlonger\n"


def test_a_folder_of_sockets_that_others_can_write_to_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    place = Place(tmp_path / "place")
    place.socket_folder().parent.chmod(0o777)
    with pytest.raises(NotPrivateError):
        place.socket("digest")
