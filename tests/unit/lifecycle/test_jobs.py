import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhizome_pipelines.lifecycle.jobs import DISPLAY, JobType


@pytest.mark.parametrize("job_type", JobType)
def test_either_spelling_is_read(job_type: JobType) -> None:
    hyphens = job_type.value.replace("_", "-")

    assert JobType.parse(job_type.value) is job_type
    assert JobType.parse(hyphens) is job_type
    assert JobType.parse(f"  {hyphens.upper()}\n") is job_type


def test_underscores_are_written() -> None:
    assert all("-" not in job_type.value for job_type in JobType)
    assert len(JobType) == 8


@given(st.text())
def test_what_is_unknown_is_none(text: str) -> None:
    parsed = JobType.parse(text)

    assert parsed is None or parsed.value == text.strip().lower().replace("-", "_")


def test_every_type_has_one_name_and_one_icon() -> None:
    assert set(DISPLAY) == set(JobType)
    assert len({display.name for display in DISPLAY.values()}) == len(JobType)
    assert len({display.icon for display in DISPLAY.values()}) == len(JobType)
