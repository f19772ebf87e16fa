"""Settings: read once, from the environment (`RHIZOME_…`) and from an `.env` file beside the work.

Every fault is told in one message. The table in docs/settings.md is made from this module.
"""

import os
import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, DotEnvSettingsSource, SettingsConfigDict

from rhizome_pipelines.lifecycle.errors import InvalidInputError

_FAMILIES = re.compile(r"(endpoint|sentence-transformers):\S.*")

HOME_NAME = ".rhizome"

DEFAULT_USER = UUID("00000000-0000-4000-8000-000000000001")
"""The owner of what is added locally, unless `--user` or RHIZOME_USER says otherwise."""


class SettingsError(InvalidInputError):
    """One or more settings are unusable."""


def find_home(start: Path) -> Path:
    """The nearest `.rhizome/` upward from `start`, as git finds `.git`; else a new one there."""
    for folder in (start, *start.parents):
        if (folder / HOME_NAME).is_dir():
            return folder / HOME_NAME
    return start / HOME_NAME


PositiveInt = Annotated[int, Field(gt=0)]
Weight = Annotated[float, Field(ge=0, le=1)]
PositiveFloat = Annotated[float, Field(gt=0)]


class Settings(BaseSettings):
    """All settings. The name of a setting is `RHIZOME_` and the field's name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix="RHIZOME_", env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True
    )

    home: Path = Field(
        default_factory=lambda: find_home(Path.cwd()),
        description="Folder of the embedded database, local objects, logs. Default: the nearest "
        "`.rhizome/` upward from the working directory, else a new one there.",
    )
    database_url: SecretStr | None = Field(
        None, description="Postgres ≥ 14 with pgvector. Default: the embedded one."
    )
    dagster_database_url: SecretStr | None = Field(
        None,
        description="Database of Dagster's own storage. Default: `rhizome_dagster` in the same "
        "server as `RHIZOME_DATABASE_URL`.",
    )
    storage_url: str | None = Field(
        None,
        description="`file:///folder` or `s3://bucket/prefix`. Default: `objects/` in the home.",
    )
    s3_endpoint_url: str | None = Field(
        None, description="Endpoint of an S3-compatible store other than AWS."
    )
    s3_region: str | None = Field(
        None, description="Region of the bucket. Keys come the way boto3 finds them (AWS_… )."
    )
    user: UUID = Field(DEFAULT_USER, description="Whose documents are added and listed locally.")

    max_in_flight: PositiveInt = Field(
        default_factory=lambda: max(1, min(4, os.cpu_count() or 1)),
        description="Attempts that run at once, in all. Default: as many as processors, at most 4.",
    )
    max_in_flight_per_user: PositiveInt = Field(4, description="The same for one user.")
    tick_seconds: Annotated[float, Field(gt=0, le=10)] = Field(
        7.0, description="How long one tick of the sensor works and listens for wishes."
    )

    stop_seconds: PositiveFloat = Field(
        15.0,
        description="Time that an attempt has to stop after a unit when its job is paused, "
        "cancelled or deleted; then its run is terminated.",
    )
    grace_seconds: PositiveFloat = Field(
        10.0,
        description="Time that a run has to end when it is terminated; then its processes are "
        "killed.",
    )

    history_days: PositiveInt = Field(
        30,
        description="Days that finished runs (with their events and logs) and finished attempts "
        "are kept. What is unfinished stays, and so do every document's newest results and every "
        "job's last attempt.",
    )

    orphan_hours: PositiveFloat = Field(
        24.0,
        description="Hours that checkpoints which no unfinished job goes on from, and files of "
        "documents whose row is gone, are kept before the sweep removes them.",
    )
    failed_checkpoint_days: PositiveFloat = Field(
        30.0,
        description="Days that a job which failed for good keeps its checkpoints, and an import "
        "what was uploaded for it.",
    )
    export_days: PositiveFloat = Field(
        30.0,
        description="Days that the archives of exports are kept in the storage. Their links last "
        "a day.",
    )

    chunk_characters: Annotated[int, Field(ge=200, le=20_000)] = Field(
        1_200, description="Characters that a chunk aims at."
    )
    chunk_characters_max: Annotated[int, Field(ge=300, le=40_000)] = Field(
        2_000, description="Characters that a chunk never exceeds."
    )
    chat_base_url: str | None = Field(
        None,
        description="OpenAI-compatible endpoint for metadata of chunks, "
        "and for judging contradictions and bridges (`…/v1`).",
    )
    chat_model: str | None = Field(None, description="Model asked at `RHIZOME_CHAT_BASE_URL`.")
    chat_api_key: SecretStr | None = Field(None, description="Its key; never stored.")

    embedding_model: str = Field(
        "wordllama",
        description="`wordllama` (in the package, offline), `endpoint:<model>` or "
        "`sentence-transformers:<model>`.",
    )
    embedding_base_url: str | None = Field(
        None, description="OpenAI-compatible endpoint for `endpoint:…` models (`…/v1`)."
    )
    embedding_api_key: SecretStr | None = Field(None, description="Its key; never stored.")
    embedding_dimensions: PositiveInt | None = Field(
        None, description="Dimensions to ask for, where the endpoint lets one choose."
    )
    connection_threshold: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None, description="Least cosine of a semantic connection. Default: the model's own."
    )

    semantic_weight: Weight = Field(
        0.25,
        description="How much a semantic similarity counts in a connection's score, 0–1; what "
        "counts is the ratio to the other two weights. 0 switches the engine off.",
    )
    contradiction_weight: Weight = Field(0.40, description="The same of a contradiction.")
    bridge_weight: Weight = Field(0.35, description="The same of a thematic bridge.")
    contradiction_overlap: Annotated[float, Field(gt=0, le=1)] = Field(
        0.5,
        description="Least share of common concepts (Jaccard index of their words) at which "
        "opposite feeling is taken for a contradiction.",
    )
    bridge_threshold: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.6, description="Least strength of a thematic bridge."
    )

    allow_private_addresses: bool = Field(
        False, description="Fetch web pages from private addresses too. Only for your own network."
    )
    max_source_megabytes: PositiveInt = Field(2_000, description="Largest file that is taken in.")
    max_page_megabytes: PositiveInt = Field(20, description="Largest web page that is fetched.")
    fetch_seconds: PositiveFloat = Field(60.0, description="Longest time that a fetch may take.")
    max_pdf_pages: PositiveInt = Field(20_000, description="Longest PDF that is taken in.")

    max_import_megabytes: PositiveInt = Field(
        50_000, description="Size to which an archive that is imported may unfold."
    )
    max_import_files: PositiveInt = Field(
        200_000, description="Files that an archive which is imported may hold."
    )
    max_import_ratio: PositiveInt = Field(
        200,
        description="How many times its compressed size a file of an archive may have, above 1 MB.",
    )
    panel_host: str = Field(
        "127.0.0.1",
        description="Address at which `rhizome up` hands out exports from a local folder; other "
        "machines reach it only at another than this.",
    )
    panel_port: Annotated[int, Field(ge=1, le=65_535)] = Field(3001, description="Its port.")
    panel_url: str | None = Field(
        None,
        description="How links to it begin, where people reach it by another address (a proxy's, "
        "say). Default: `http://`, host and port.",
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info",
        description="Least level of what Dagster's processes log; `debug` also shows tracebacks "
        "of the command line.",
    )

    @field_validator("home", mode="after")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        """What only makes sense together, told before anything is started."""
        if self.chunk_characters > self.chunk_characters_max:
            raise ValueError(
                "RHIZOME_CHUNK_CHARACTERS must not be above RHIZOME_CHUNK_CHARACTERS_MAX "
                f"({self.chunk_characters_max})"
            )
        if self.chat_base_url is not None and self.chat_model is None:
            raise ValueError("RHIZOME_CHAT_BASE_URL needs RHIZOME_CHAT_MODEL, the model to ask")
        if not (self.semantic_weight or self.contradiction_weight or self.bridge_weight):
            raise ValueError("at least one of the three weights of engines must be above 0")
        if self.embedding_model.startswith("endpoint:") and self.embedding_base_url is None:
            raise ValueError("an endpoint: model needs RHIZOME_EMBEDDING_BASE_URL")
        return self

    @field_validator("embedding_model", mode="after")
    @classmethod
    def _known_family(cls, model: str) -> str:
        if model != "wordllama" and not _FAMILIES.fullmatch(model):
            raise ValueError("must be wordllama, endpoint:<model> or sentence-transformers:<model>")
        return model

    @field_validator("storage_url", mode="after")
    @classmethod
    def _known_scheme(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("file:///", "s3://")):
            raise ValueError("must start with file:/// or s3://")
        return url

    @field_validator("panel_url", mode="after")
    @classmethod
    def _web_address(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return url and url.rstrip("/")

    @cached_property
    def objects_url(self) -> str:
        """Where objects lie."""
        return self.storage_url or (self.home / "objects").as_uri()


def load_settings(**overrides: Any) -> Settings:
    """Read the settings. Raises SettingsError that names every fault at once."""
    try:
        return Settings(**overrides)
    except ValidationError as fault:
        raise SettingsError(_sentence(fault)) from None


def _sentence(fault: ValidationError) -> str:
    told = []
    for error in fault.errors(include_input=False, include_url=False):
        reason = error["msg"].removeprefix("Value error, ")
        name = "_".join(str(part) for part in error["loc"]).upper()
        told.append(f"RHIZOME_{name}: {reason}" if name else reason)
    return "These settings cannot be used: " + "; ".join(told) + "."


def environment_for_others() -> dict[str, str]:
    """The environment of processes started elsewhere that are to have the settings of this one.

    They would not find the `.env` file of this working directory.
    """
    file = {
        name.upper(): value
        for name, value in DotEnvSettingsSource(Settings).env_vars.items()
        if value and name.startswith("rhizome_")
    }
    # As for settings: what is set but empty counts as not set.
    return file | {name: value for name, value in os.environ.items() if value or name not in file}
