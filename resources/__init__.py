"""Resources: thin Dagster wrappers that build domain objects, and the checkpoint IO manager."""

from resources.attempt import attempt_resource
from resources.checkpoint_io_manager import checkpoint_io_manager
from resources.services import ServicesResource

__all__ = ["ServicesResource", "attempt_resource", "checkpoint_io_manager"]
