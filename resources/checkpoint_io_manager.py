"""The checkpoint store seen from Dagster.

The stage runner alone writes checkpoints. This IO manager verifies that what a step hands over
is what lies in the store, and hands the next step a lazy handle: a verified description of the
stored files, loadable for ever, no bytes.
"""

from dagster import (
    Failure,
    InitResourceContext,
    InputContext,
    IOManager,
    OutputContext,
    io_manager,
)

from rhizome_pipelines.checkpoints.results import StageCheckpoint
from rhizome_pipelines.deployment.attempt import AttemptSession
from rhizome_pipelines.deployment.faults import explained
from rhizome_pipelines.lifecycle.stage_names import StageName


class CheckpointIOManager(IOManager):
    """Outputs and inputs are `StageCheckpoint`s of the run's job; steps are named as stages."""

    def __init__(self, attempt: AttemptSession) -> None:
        self._attempt = attempt

    def handle_output(self, context: OutputContext, obj: StageCheckpoint) -> None:
        """Verify that the stage's result lies in the store as it was told.

        After a check that failed Dagster records the check, and blocks what comes next, itself.
        """
        if self._attempt.ended:
            return
        stored = self._load(StageName(context.step_key))
        if stored.content_digest != obj.content_digest:
            raise Failure(
                f"The stored result of {obj.stage} is not the one that this step made: another "
                "attempt has overwritten it. Nothing of this run is used further.",
                allow_retries=False,
            )
        context.add_output_metadata({"stored_in": stored.source.value})

    def load_input(self, context: InputContext) -> StageCheckpoint:
        """The upstream stage's verified result, from this run or from long ago."""
        if context.upstream_output is None or context.has_asset_key:
            return self._load(StageName(context.asset_key.path[-1]))
        return self._load(StageName(context.upstream_output.step_key))

    def _load(self, stage: StageName) -> StageCheckpoint:
        try:
            return self._attempt.load(stage)
        except Exception as fault:
            self._attempt.fail(fault)
            raise Failure(explained(fault).message, allow_retries=False) from fault


@io_manager(required_resource_keys={"attempt"})
def checkpoint_io_manager(context: InitResourceContext) -> CheckpointIOManager:
    """The IO manager of the run's own attempt; there is one session a run, not one a resource."""
    return CheckpointIOManager(context.resources.attempt)
