import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.integration.warm_launcher.world import World

MakeWorld = Callable[..., World]


@contextmanager
def a_world(folder: Path, **config: Any) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(folder / "home"))
        world = World(folder, **config)
        try:
            yield world
        finally:
            os.environ["DAGSTER_HOME"] = str(folder / "home")
            world.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One for all tests of a module, with a warm process that they share."""
    with a_world(tmp_path_factory.mktemp("shared")) as world:
        yield world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """One of the test's own."""
    with a_world(tmp_path) as world:
        yield world


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[MakeWorld]:
    with ExitStack() as stack:
        yield lambda **config: stack.enter_context(a_world(tmp_path, **config))
