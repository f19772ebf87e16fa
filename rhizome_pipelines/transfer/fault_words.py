"""What pydantic finds wrong with something given, in words of our own."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

_SHOWN_FAULTS = 20
_SHOWN_STEPS = 4
"""Of a place that lies deep within: the first ones."""
_LONGEST_STEP = 60
_LONGEST_TOLD = 200

_Context = Mapping[str, Any]

_SENTENCES: Mapping[str, str] = {
    "missing": "is missing",
    "int_type": "is no whole number",
    "int_parsing": "is no whole number",
    "int_from_float": "is no whole number",
    "int_parsing_size": "is too large a number",
    "float_type": "is no number",
    "float_parsing": "is no number",
    "finite_number": "is no finite number",
    "string_type": "is no text",
    "string_unicode": "is no text in Unicode",
    "bool_type": "is neither true nor false",
    "bool_parsing": "is neither true nor false",
    "uuid_type": "is no UUID",
    "uuid_parsing": "is no UUID",
    "datetime_type": "is no date with time (ISO 8601)",
    "datetime_parsing": "is no date with time (ISO 8601)",
    "datetime_from_date_parsing": "is no date with time (ISO 8601)",
    "datetime_object_invalid": "is no date with time (ISO 8601)",
    "list_type": "is no list",
    "tuple_type": "is no list",
    "dict_type": "is no object",
    "model_type": "is no object",
    "model_attributes_type": "is no object",
    "recursion_loop": "is nested too deeply",
    "invalid-json-value": "is no JSON",
}
_WITH_NUMBERS: Mapping[str, Callable[[_Context], str]] = {
    "enum": lambda told: f"is not {told['expected']}",
    "literal_error": lambda told: f"is not {told['expected']}",
    "greater_than_equal": lambda told: f"is less than {_number(told['ge'])}",
    "greater_than": lambda told: f"is not more than {_number(told['gt'])}",
    "less_than_equal": lambda told: f"is more than {_number(told['le'])}",
    "less_than": lambda told: f"is not less than {_number(told['lt'])}",
    "string_pattern_mismatch": lambda told: f"has not the form {told['pattern']}",
    "string_too_long": lambda told: f"is longer than {told['max_length']:,} characters",
    "string_too_short": lambda told: _too_short(told["min_length"], "characters"),
}
_VERBS = ("is ", "has ", "holds ")


def faults_in_words(error: ValidationError) -> str:
    """Every fault with its place, a sentence each, the first twenty; nothing of long values.

    What only follows from another fault is not told: a list is not too short because what is in it
    cannot be used.
    """
    faults = error.errors(include_url=False)
    within = {one["loc"][:depth] for one in faults for depth in range(len(one["loc"]))}
    faults = [one for one in faults if one["type"] != "too_short" or one["loc"] not in within]
    told = list(dict.fromkeys(map(_told, faults)))
    more = len(told) - _SHOWN_FAULTS
    return "; ".join([*told[:_SHOWN_FAULTS], *([f"and {more} more"] if more > 0 else [])])


def _told(fault: ErrorDetails) -> str:
    place, sentence = _place(fault["loc"]), _sentence(fault)[:_LONGEST_TOLD]
    if not place:
        return sentence
    return f"{place} {sentence}" if sentence.startswith(_VERBS) else f"{place}: {sentence}"


def _place(steps: Sequence[int | str]) -> str:
    """Names and numbers from outside to inside; the alternatives that were tried are no places."""
    shown = [str(step)[:_LONGEST_STEP] for step in steps[:_SHOWN_STEPS]]
    return ".".join([*shown, *(["…"] if len(steps) > _SHOWN_STEPS else [])])


def _sentence(fault: ErrorDetails) -> str:
    kind, context = fault["type"], fault.get("ctx", {})
    if kind in _SENTENCES:
        return _SENTENCES[kind]
    if kind in _WITH_NUMBERS:
        return _WITH_NUMBERS[kind](context)
    if kind in {"too_long", "too_short"}:
        unit = "characters" if isinstance(fault["input"], str) else "entries"
        if kind == "too_long":
            return f"has more than {context['max_length']:,} {unit}"
        return _too_short(context["min_length"], unit)
    if kind in {"value_error", "assertion_error"}:
        return _own_words(str(context["error"]))
    return fault["msg"]


def _own_words(text: str) -> str:
    return _SENTENCES["datetime_type"] if text.startswith("Invalid isoformat") else text


def _too_short(least: int, unit: str) -> str:
    return "is empty" if least == 1 else f"has fewer than {least:,} {unit}"


def _number(limit: float) -> str:
    return f"{int(limit):,}" if float(limit).is_integer() else str(limit)
