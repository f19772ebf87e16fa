"""What a person sees of a stage in Dagster's UI: numbers, tables, the text itself."""

from collections.abc import Mapping, Sequence
from typing import Any

from dagster import MetadataValue

from rhizome_pipelines.deployment.attempt import AttemptSession
from rhizome_pipelines.stages.runner import StageFinished

TABLE_ROWS = 12
CELL_CHARACTERS = 160


def stage_metadata(attempt: AttemptSession, finished: StageFinished) -> dict[str, Any]:
    """Metadata of a stage's materialization."""
    checkpoint = finished.checkpoint
    common: dict[str, Any] = {
        "about": attempt.work.title,
        "job": str(attempt.job.id),
        "attempt": attempt.attempt.number,
        "seconds": round(finished.seconds, 3),
        "reused": finished.reused,
        "units": finished.units_total,
        "units_reused": finished.units_reused,
        "checkpoint": MetadataValue.path(checkpoint.pointer.path),
        "checkpoint_hash": checkpoint.pointer.hash,
        "size_bytes": sum(output.size for output in checkpoint.outputs.values()),
    }
    if finished.reasons_not_reused:
        common["made_anew_because"] = MetadataValue.md(
            "\n".join(f"- {reason}" for reason in finished.reasons_not_reused)
        )
    return common | _numbers(checkpoint.facts) | _pictures(checkpoint.facts)


def _numbers(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in facts.items()
        if isinstance(value, bool | int | float | str) and len(str(value)) <= CELL_CHARACTERS
    }


def _pictures(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Tables and previews out of the stage's facts; what a stage does not tell is not shown."""
    shown: dict[str, Any] = {}
    if preview := facts.get("preview"):
        shown["preview"] = MetadataValue.md(str(preview))
    for name in ("outline", "examples", "by_engine", "best", "by_document"):
        rows = facts.get(name)
        if isinstance(rows, Sequence) and rows and isinstance(rows[0], Mapping):
            shown[name] = MetadataValue.md(_table(rows))
    return shown


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    # Late: who only loads the definitions shows no tables, and pandas is a fifth of that loading.
    import pandas as pd  # noqa: PLC0415

    frame = pd.DataFrame(list(rows[:TABLE_ROWS])).map(_cell)
    table: str = frame.to_markdown(index=False)
    left_out = len(rows) - TABLE_ROWS
    return f"{table}\n\n… and {left_out} more" if left_out > 0 else table


def _cell(value: object) -> str:
    text = " ".join(str(value).split()).replace("|", "\\|")
    return text if len(text) <= CELL_CHARACTERS else text[: CELL_CHARACTERS - 1] + "…"
