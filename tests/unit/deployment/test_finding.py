"""What a person has named becomes things to take in, or a sentence."""

import os
from pathlib import Path

from rhizome_pipelines.deployment.finding import Item, PassedOver, Refused, find_items
from rhizome_pipelines.lifecycle.documents import SourceType


def test_a_folder_is_walked_and_what_is_not_ours_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "note.md").write_text("# A note")
    (tmp_path / "code.py").write_text("print()")
    (tmp_path / ".hidden.md").write_text("# Not this")
    (tmp_path / "link.md").symlink_to(tmp_path / "deep" / "note.md")

    found = list(find_items([str(tmp_path)]))

    assert found == [
        Item(SourceType.MARKDOWN_ASIS, tmp_path / "deep" / "note.md"),
        PassedOver(tmp_path, 1),
    ]


def test_files_come_in_the_order_of_their_paths_parts(tmp_path: Path) -> None:
    names = ["a/z.md", "a.md", "b/b/b.md", "b/c.md", "b.md", "c.md"]
    for name in [*reversed(names), ".git/a.md", "b/.git/a.md"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("# A note")
    (tmp_path / "linked").symlink_to(tmp_path / "b")

    found = [one.path for one in find_items([str(tmp_path)]) if isinstance(one, Item)]

    assert found == sorted(found) == [tmp_path / name for name in names]


def test_a_name_that_is_not_utf8_can_be_shown(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/bad\xff.md"
    with open(path, "w") as file:  # noqa: PTH123 - a name that Path would have to decode first
        file.write("# A note")

    (item,) = find_items([str(tmp_path)])

    assert isinstance(item, Item)
    assert item.label == "bad\ufffd.md"


def test_what_is_not_there_and_what_is_empty_is_told(tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.touch()

    nothing, missing, blank = find_items(["", str(tmp_path / "missing.pdf"), str(empty)])

    assert isinstance(nothing, Refused)
    assert isinstance(missing, Refused)
    assert missing.path is None
    assert "does not exist" in missing.error.message
    assert isinstance(blank, Refused)
    assert blank.path == empty


def test_a_listing_says_what_the_files_are_and_leaves_its_folder_nowhere(tmp_path: Path) -> None:
    (tmp_path / "talk.txt").write_text("[0:00] Good evening.")
    (tmp_path / "documents.toml").write_text(
        '[[document]]\nfile = "talk.txt"\nsource_type = "youtube"\ntitle = "A talk"\n'
        '[[document]]\nfile = "../secret.txt"\nsource_type = "txt"\n'
    )

    talk, secret = find_items([str(tmp_path)])

    assert talk == Item(SourceType.YOUTUBE, tmp_path / "talk.txt", title="A talk")
    assert isinstance(secret, Refused)
    assert "lies outside" in secret.error.message
