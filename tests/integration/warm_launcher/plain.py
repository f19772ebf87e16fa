"""A job that is executed without a launcher."""

from dagster import job, op


@op
def nothing() -> None: ...


@job
def plain() -> None:
    nothing()
