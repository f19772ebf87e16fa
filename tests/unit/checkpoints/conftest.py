import pytest

from rhizome_pipelines.checkpoints.store import CheckpointStore
from tests.memory_store import MemoryStore
from tests.unit.checkpoints.checkpoint_world import KEYS


@pytest.fixture
def objects() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def store(objects: MemoryStore) -> CheckpointStore:
    return CheckpointStore(objects, KEYS)
