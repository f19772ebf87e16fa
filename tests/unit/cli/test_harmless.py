"""What a terminal would obey is shown instead, in whatever way it is printed."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.padding import Padding
from rich.progress import Progress, TextColumn
from rich.table import Table
from rich.text import Text

from rhizome_pipelines.cli.harmless import HarmlessConsole, escaped, one_line, visible

HOSTILE = "a\x1b]0;owned\x07\x1b[31m\x9b2J\x7f\u202egnp.\u2066\u2028\u2029\udc9b\rz"
FORBIDDEN = {
    *map(chr, [*range(9), *range(11, 32), *range(0x7F, 0xA0)]),
    *map(chr, [*range(0x2028, 0x202F), *range(0x2066, 0x206A), *range(0xD800, 0xE000)]),
}


def console(colours: bool) -> HarmlessConsole:
    file = io.StringIO()
    return HarmlessConsole(
        file=file, force_terminal=colours, color_system=None, width=60, legacy_windows=False
    )


def written(one: HarmlessConsole) -> str:
    assert isinstance(one.file, io.StringIO)
    return one.file.getvalue()


@given(st.text(st.characters() | st.sampled_from(sorted(FORBIDDEN))))
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    assert not FORBIDDEN & set(visible(text))
    assert len(visible(text)) == len(text)
    assert len(one_line(text).splitlines()) <= 1


def test_other_text_stays_as_it_is() -> None:
    text = "Zettelkästen, 箱, שלום, 👩‍🔬\n\tnext"
    assert visible(text) == text


@given(st.text(st.characters() | st.sampled_from(sorted(FORBIDDEN))))
def test_json_means_the_same_and_is_harmless(text: str) -> None:
    document = escaped(json.dumps({"title": text}, ensure_ascii=False))

    assert json.loads(document) == {"title": text}
    assert not FORBIDDEN & set(document)


@pytest.mark.parametrize("colours", [True, False])
@pytest.mark.parametrize("what", [str, Text, lambda text: Padding(text, (0, 0, 0, 4))])
def test_whatever_is_printed(what: type[str], colours: bool) -> None:
    there = console(colours)

    there.print(what(HOSTILE), soft_wrap=True)

    assert not FORBIDDEN & set(written(there))
    assert "owned" in written(there)


def test_columns_stay_in_line() -> None:
    there = console(colours=False)
    table = Table("title", "status", box=None)
    table.add_row(HOSTILE.replace("\u2028\u2029", ""), "done")
    table.add_row("plain", "done")

    there.print(table)

    first, second = written(there).splitlines()[1:]
    assert cell_len(first.split("done")[0]) == cell_len(second.split("done")[0])


def test_progress_bars() -> None:
    there = console(colours=True)
    with Progress(TextColumn("{task.description}"), console=there) as progress:
        progress.add_task(HOSTILE)

    for sequence in ("\x1b]0", "\x1b[31m", "\x9b", "\u202e", "\x07"):
        assert sequence not in written(there)
    assert "owned" in written(there)
