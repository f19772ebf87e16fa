"""What others have written (titles, file names, messages of servers), made safe to print.

A terminal obeys escape sequences wherever they stand, and a bidirectional override makes a line
read otherwise than it is. Such characters are shown in place of being obeyed.
"""

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

_INVISIBLE = [
    *range(0x80, 0xA0),  # C1: a terminal may take 0x9B for ESC [
    *range(0x2028, 0x202F),  # separators of lines and paragraphs, and bidirectional overrides
    *range(0x2066, 0x206A),  # bidirectional isolates
    *range(0xD800, 0xE000),  # lone surrogates: bytes of file names that are no text
]
_SHOWN = {
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\t\n"},
    0x7F: "\N{SYMBOL FOR DELETE}",
    **dict.fromkeys(_INVISIBLE, REPLACEMENT),
}
_ESCAPED = {code: f"\\u{code:04x}" for code in [0x7F, *_INVISIBLE]}


def visible(text: str) -> str:
    """The text with a character that is seen for each that a terminal would obey.

    As long as before. Tabs and line feeds stay.
    """
    return text.translate(_SHOWN)


def one_line(text: str) -> str:
    """As `visible`, on a single line: white space of any kind and length is one blank."""
    return visible(" ".join(text.split()))


def escaped(document: str) -> str:
    """A JSON document that means the same, with none of these characters in it.

    JSON's own rules escape only those below U+0020.
    """
    return document.translate(_ESCAPED)


class HarmlessConsole(Console):
    """Prints nothing that a terminal would obey but what rich itself makes."""

    def render_str(self, text: str, **more: Any) -> Text:
        """Before anything is measured, so that columns stay in line. See `Console`."""
        return super().render_str(visible(text), **more)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Whatever was not a plain string before. See `Console`."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible(segment.text))
