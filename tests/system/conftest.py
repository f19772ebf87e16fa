from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.home import Home, free_port


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    there = Home(tmp_path / "a home")
    yield there
    there.clean_up()


@pytest.fixture
def port() -> int:
    """Of Dagster's web server."""
    return free_port()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test beside this file starts real processes."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.system)
