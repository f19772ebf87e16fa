"""docs/settings.md: the table of all settings, from the fields of `Settings`."""

from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from generators.markdown import NOTICE, joined, table
from rhizome_pipelines.settings import Settings

TOLD_DEFAULT = " Default: "
"""A default that is found out at run time is told in words, at the end of the description."""

ABOUT = """
Every setting is an environment variable. A file `.env` in the working directory is read as well;
the environment comes before it. An empty value counts as not set. All faults are told at once, in
one message, and nothing is started.

Secrets are shown as `**********` wherever settings are printed. `rhizome doctor` tries out what is
set.
"""

OTHERS = """
## Read by others

Keys for `s3://` storage are found the way boto3 finds them (`AWS_ACCESS_KEY_ID`,
`AWS_SECRET_ACCESS_KEY`, `AWS_PROFILE`, an instance's role …); they are never settings of Rhizome.
`DAGSTER_HOME` is Dagster's own: `rhizome up` and `rhizome process` set it for the processes they
start, to `dagster/` in the home.
"""


def document() -> str:
    rows = [_row(name, field) for name, field in Settings.model_fields.items()]
    header = ["name", "values", "default", "meaning"]
    return joined(NOTICE, "# Settings", ABOUT, table(header, rows), OTHERS)


def _row(name: str, field: FieldInfo) -> list[str]:
    meaning, _, told = (field.description or "").partition(TOLD_DEFAULT)
    default = told.rstrip(".") or _default(field)
    prefix = str(Settings.model_config.get("env_prefix", ""))
    return [f"`{prefix}{name.upper()}`", _values(field), default, meaning]


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        raise ValueError(f"a default that is found out must be told in words: {field.description}")
    match field.default:
        case None:
            return "–"
        case bool():
            return "`true`" if field.default else "`false`"
        case Enum():
            return f"`{field.default.value}`"
        case _:
            return f"`{field.default}`"


def _values(field: FieldInfo) -> str:
    kind, limits = _unwrapped(field.annotation, list(field.metadata))
    if get_origin(kind) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(kind))
    bounds = " and ".join(filter(None, (_bound(limit) for limit in limits)))
    return f"{_KINDS.get(kind, kind.__name__)} {bounds}".strip()


def _unwrapped(annotation: Any, limits: list[Any]) -> tuple[Any, list[Any]]:
    """The type without `| None` and `Annotated`, and all limits found on the way."""
    inner = [one for one in get_args(annotation) if one is not type(None)]
    if get_origin(annotation) is Literal or not inner:
        return annotation, limits
    if hasattr(annotation, "__metadata__"):
        for extra in annotation.__metadata__:
            limits += extra.metadata if isinstance(extra, FieldInfo) else [extra]
    return _unwrapped(inner[0], limits)


def _bound(limit: Any) -> str | None:
    match limit:
        case Gt(gt=least):
            return f"> {least}"
        case Ge(ge=least):
            return f"≥ {least}"
        case Lt(lt=most):
            return f"< {most}"
        case Le(le=most):
            return f"≤ {most}"
        case _:
            return None


_KINDS = {
    Path: "folder",
    str: "text",
    SecretStr: "text, secret",
    int: "whole number",
    float: "number",
    bool: "`true`, `false`",
}
