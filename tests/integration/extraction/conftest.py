from pathlib import Path

import pytest

from tests.integration.extraction.pdf_files import numbered


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return numbered(tmp_path / "small.pdf", 3)
