"""What of a JSON file would end the process that reads it, found out before a parser is let at it.

Parsers in C go down with the nesting, and die at the end of their stack; ijson's dies of a number
that Python refuses to read (`sys.set_int_max_str_digits`).
"""

import re
from pathlib import Path

MAX_DIGITS = 1_000
"""Of one number."""

_BLOCK = 256 * 1024
_ESCAPED = re.compile(rb"\\.", re.DOTALL)
_TEXT = re.compile(rb'"[^"]*"')
_LONG_NUMBER = re.compile(rb"[0-9]{%d}" % (MAX_DIGITS + 1))
_QUOTE, _ESCAPE, _DIGITS = b'"', b"\\", b"0123456789"
_OPENING = b"[{"
_NO_BRACKETS = bytes(sorted(set(range(256)) - set(b"[]{}")))


def deadly_fault(path: Path, levels: int) -> str | None:
    """Why no parser should see the file; None if it may. Nothing else is validated.

    `levels`: of lists and objects within each other. What is no JSON is judged by what a parser
    would have read of it until it noticed.
    """
    depth, rest = 0, b""
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            # Escapes first: a quote that is left then begins or ends a text.
            whole = _ESCAPED.sub(b"", rest + block)
            outside, quote, _ = _TEXT.sub(b" ", whole).partition(_QUOTE)
            if _LONG_NUMBER.search(outside):
                return f"it holds a number of more than {MAX_DIGITS:,} digits"
            for bracket in outside.translate(None, _NO_BRACKETS):
                depth += 1 if bracket in _OPENING else -1
                if depth > levels:
                    return f"it is nested more than {levels} levels deep"
            rest = quote or _digits_at_end(outside)
            rest += _ESCAPE if whole.endswith(_ESCAPE) else b""
    return None


def _digits_at_end(text: bytes) -> bytes:
    end = text[-MAX_DIGITS:]
    return end[len(end.rstrip(_DIGITS)) :]
