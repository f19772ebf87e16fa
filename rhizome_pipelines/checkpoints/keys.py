"""Storage keys: how they are put together, and how a stage is read off one.

Keys are `{userId}/{documentId}/{file}` and `{userId}/exports/{name}.zip`; the bucket's name
is no part of them. Ids are UUIDs and names follow strict patterns, so that no key made here
can leave its user's prefix.
"""

import re
from dataclasses import dataclass
from uuid import UUID

from rhizome_pipelines.lifecycle.errors import InvalidInputError

MAX_KEY_BYTES = 1024
"""S3's limit on a key, in bytes of UTF-8."""
MAX_SEGMENT_BYTES = 255
"""The usual file systems' limit on a name, in bytes."""
TEMPORARY_MARK = ".rhizome-tmp-"
"""Names that begin so belong to a folder store's unfinished writes; no key may use them."""

_STAGE = r"[a-z0-9][a-z0-9_-]{0,63}"
_UNIT = r"[a-z0-9][a-z0-9-]{0,127}"
_STAGE_NAME = re.compile(_STAGE)
_UNIT_KEY = re.compile(_UNIT)
_EXTENSION = re.compile(r"[a-z0-9]{1,16}")
_FILE_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9_-])?")
_CHECKPOINT_NAME = re.compile(
    rf"stage-(?P<stage>{_STAGE})(?:\.json|\.part\.(?P<unit>{_UNIT})\.(?P<kind>ckpt|bulk))"
)
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f]")


class InvalidKeyError(InvalidInputError):
    """A storage key, or a name that was to become part of one, is not allowed."""


def validated_key(key: str) -> str:
    r"""`key`, if any store may use it; else InvalidKeyError.

    A key is one or more non-empty segments joined by `/`. Refused are absolute keys, `.` and
    `..`, backslashes, control characters (NUL), what UTF-8 cannot hold, and what is too long.
    """
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        raise InvalidKeyError(f"The storage key {key!a} is not valid text.") from None
    shown = repr(key if size <= MAX_KEY_BYTES else key[:80] + "…")
    if size > MAX_KEY_BYTES:
        raise InvalidKeyError(f"The storage key {shown} is longer than {MAX_KEY_BYTES} bytes.")
    if "\\" in key or _CONTROL_CHARACTER.search(key):
        raise InvalidKeyError(f"The storage key {shown} contains a backslash or control character.")
    for segment in key.split("/"):
        if segment in {"", ".", ".."}:
            raise InvalidKeyError(f"The storage key {shown} contains an empty or relative segment.")
        if segment.startswith(TEMPORARY_MARK):
            raise InvalidKeyError(f"The storage key {shown} has a reserved name.")
        if len(segment.encode()) > MAX_SEGMENT_BYTES:
            raise InvalidKeyError(
                f"The storage key {shown} has a segment of more than {MAX_SEGMENT_BYTES} bytes."
            )
    return key


def validated_prefix(prefix: str) -> str:
    """`prefix`, if it can be listed: empty, or a valid key followed by `/`."""
    if prefix:
        if not prefix.endswith("/"):
            raise InvalidKeyError(f"The prefix {prefix!a} does not end in '/'.")
        validated_key(prefix[:-1])
    return prefix


@dataclass(frozen=True)
class CheckpointName:
    """What a checkpoint file's name says: its stage, and its unit if it is a part.

    `bulk`: not the part itself, but bytes that it refers to.
    """

    stage: str
    unit: str | None
    bulk: bool = False


def parse_checkpoint_name(key: str) -> CheckpointName | None:
    """Read a stage file's or part's key (or bare name); None for any other file."""
    match = _CHECKPOINT_NAME.fullmatch(key.rpartition("/")[2])
    return CheckpointName(match["stage"], match["unit"], match["kind"] == "bulk") if match else None


def stage_of(key: str) -> str | None:
    """The stage whose stage file or part lies under `key`; None for any other file."""
    name = parse_checkpoint_name(key)
    return name.stage if name else None


def parse_document_key(key: str) -> tuple[UUID, UUID] | None:
    """User and document of a key `{userId}/{documentId}/{file}`; None for any other key.

    `file` may lie in folders of the document.
    """
    parts = key.split("/")
    if len(parts) < 3 or not all(parts):
        return None
    try:
        user_id, document_id = UUID(parts[0]), UUID(parts[1])
    except ValueError:
        return None
    canonical = (str(user_id), str(document_id)) == (parts[0], parts[1])
    return (user_id, document_id) if canonical else None


def parse_transfer_key(key: str) -> tuple[UUID, str] | None:
    """User and folder (`exports` or `imports`) of an archive's key; None for any other key."""
    parts = key.split("/")
    if len(parts) != 3 or parts[1] not in {"exports", "imports"} or not parts[2]:
        return None
    try:
        user_id = UUID(parts[0])
    except ValueError:
        return None
    return (user_id, parts[1]) if str(user_id) == parts[0] else None


def user_prefix(user_id: UUID) -> str:
    """Prefix of all that belongs to a user, with its `/`."""
    return f"{_id(user_id)}/"


def export_key(user_id: UUID, name: str) -> str:
    """Key of an export's archive; `name` is without `.zip`."""
    return f"{_id(user_id)}/exports/{_file_name(name)}.zip"


def import_key(user_id: UUID, name: str) -> str:
    """Key of a file that is to be imported and goes afterwards."""
    return f"{imports_prefix(user_id)}{_file_name(name)}"


def imports_prefix(user_id: UUID) -> str:
    """Prefix of all files that wait to be imported, with its `/`."""
    return f"{_id(user_id)}/imports/"


@dataclass(frozen=True)
class DocumentKeys:
    """The keys of one document (or of one job without a document: then the job's id)."""

    user_id: UUID
    document_id: UUID

    @property
    def prefix(self) -> str:
        """Prefix of all the document's files, with its `/`."""
        return f"{_id(self.user_id)}/{_id(self.document_id)}/"

    def holds(self, key: str) -> bool:
        """Whether `key` is one of the document's, and in none of its folders."""
        return key.startswith(self.prefix) and "/" not in key.removeprefix(self.prefix)

    def file(self, name: str) -> str:
        """A final file. Raises InvalidKeyError for a bad name or one kept for checkpoints."""
        return self.prefix + _final_name(name)

    def source(self, extension: str) -> str:
        """The document as it was handed in; `extension` is without a dot, lower case."""
        if not _EXTENSION.fullmatch(extension):
            raise InvalidKeyError(f"{extension!a} cannot be a source file's extension.")
        return f"{self.prefix}source.{extension}"

    @property
    def content(self) -> str:
        return self.file("content.md")

    @property
    def chunks(self) -> str:
        return self.file("chunks.json")

    @property
    def metadata(self) -> str:
        return self.file("metadata.json")

    @property
    def manifest(self) -> str:
        return self.file("manifest.json")

    @property
    def embeddings(self) -> str:
        return self.file("embeddings.parquet")

    def stage(self, stage: str) -> str:
        """The stage file: a finished stage's checkpoint."""
        return f"{self.prefix}stage-{_stage_name(stage)}.json"

    def part(self, stage: str, unit_key: str) -> str:
        """What was kept of one unit of a stage in progress."""
        return f"{self.parts_prefix(stage)}{_unit_key(unit_key)}.ckpt"

    def bulk(self, stage: str, unit_key: str) -> str:
        """Bytes too many for the unit's part, which says what they are; they go when it goes."""
        return f"{self.parts_prefix(stage)}{_unit_key(unit_key)}.bulk"

    def parts_prefix(self, stage: str) -> str:
        """How the keys of a stage's parts begin (a beginning of names, no folder)."""
        return f"{self.prefix}stage-{_stage_name(stage)}.part."


def _id(value: UUID) -> str:
    if not isinstance(value, UUID):
        raise TypeError(f"a key is made of UUIDs, not of {type(value).__name__}")
    return str(value)


def _stage_name(stage: str) -> str:
    if not _STAGE_NAME.fullmatch(stage):
        raise InvalidKeyError(f"{stage!a} cannot be a stage's name: use a-z, 0-9, '-' and '_'.")
    return stage


def _unit_key(key: str) -> str:
    if not _UNIT_KEY.fullmatch(key):
        raise InvalidKeyError(f"{key!a} cannot be a unit's key: use a-z, 0-9 and '-'.")
    return key


def _file_name(name: str) -> str:
    if not _FILE_NAME.fullmatch(name) or ".." in name:
        raise InvalidKeyError(
            f"{name!a} cannot be a stored file's name: use letters, digits, '.', '-' and '_'."
        )
    return name


def _final_name(name: str) -> str:
    if parse_checkpoint_name(name):
        raise InvalidKeyError(f"{name!a} is a name kept for checkpoints.")
    return _file_name(name)
