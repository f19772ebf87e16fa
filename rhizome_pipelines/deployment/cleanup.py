"""Checkpoints that nobody needs any more are removed."""

from uuid import UUID

from rhizome_pipelines.deployment.services import Services


def discard_for(
    services: Services, job_id: UUID, user_id: UUID, document_id: UUID | None
) -> None:
    """Remove the checkpoints of a cancelled or deleted job, unless another job may use them."""
    raise NotImplementedError
