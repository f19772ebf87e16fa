"""Jobs of ops: one op a stage, started by a row, or by a person who fills in a form.

A run that a row has asked for takes its input from the row, and its config is empty. What a
person fills in, in Dagster's launchpad or in a file for `dagster job execute`, becomes the
`input_data` of the row that the run gets.
"""

from collections.abc import Mapping
from typing import Any

from dagster import (
    ConfigMapping,
    Field,
    GraphOut,
    In,
    JobDefinition,
    Noneable,
    OpDefinition,
    OpExecutionContext,
    Out,
    Output,
    graph,
    op,
)

from assets import CHECKPOINT_TYPE, stage_metadata, walked
from rhizome_pipelines.checkpoints.results import StageCheckpoint
from rhizome_pipelines.deployment.attempt import AttemptSession
from rhizome_pipelines.lifecycle.jobs import JobType
from rhizome_pipelines.lifecycle.stage_names import StageName

Form = Mapping[str, Field]
"""What may be filled in, named as in `input_data`; every field is optional."""

_USER = Field(
    Noneable(str),
    is_required=False,
    default_value=None,
    description="Whose job it is (a UUID). Default: RHIZOME_USER.",
)


def asked_job(
    job_type: JobType, stages: Mapping[StageName, str], form: Form, description: str
) -> JobDefinition:
    """The Dagster job of a job type; `stages` with what each does, in order."""
    ops = []
    for before, (name, told) in zip((None, *stages), stages.items(), strict=False):
        ops.append(_stage_op(name, told, before))

    @graph(name=job_type.value, description=description, out={"result": GraphOut()})
    def walk() -> Any:
        result = None
        for one in ops:
            result = one() if result is None else one(result)
        return result

    return walk.to_job(
        name=job_type.value,
        description=description,
        config=ConfigMapping(_config_of, config_schema={**form, "user": _USER}),
    )


def _config_of(form: Mapping[str, Any]) -> dict[str, Any]:
    given = {
        name: value for name, value in form.items() if name != "user" and value not in ("", None)
    }
    return {"resources": {"attempt": {"config": {"input": given, "user": form["user"]}}}}


def _stage_op(name: StageName, description: str, before: StageName | None) -> OpDefinition:
    """An op that walks one stage; it takes what the stage before it has left."""

    def compute(context: OpExecutionContext, **inputs: StageCheckpoint) -> Output[StageCheckpoint]:
        attempt: AttemptSession = context.resources.attempt
        upstream = None if before is None else inputs[before.value]
        finished = walked(context.instance, context.run, attempt, name, upstream)
        return Output(finished.checkpoint, metadata=stage_metadata(attempt, finished))

    return op(
        name=name.value,
        description=description,
        ins={} if before is None else {before.value: In(CHECKPOINT_TYPE)},
        out=Out(CHECKPOINT_TYPE, io_manager_key="checkpoints"),
        required_resource_keys={"attempt"},
    )(compute)
