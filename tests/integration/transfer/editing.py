"""Archives that somebody has changed, and all that an installation holds."""

import io
import json
import zipfile
from collections.abc import Callable
from hashlib import sha256
from typing import Any
from uuid import UUID

from rhizome_pipelines.checkpoints.keys import parse_checkpoint_name
from tests.integration.transfer.transfer_world import Installation, entries

PART = "## {}\n\n{} hold the soil and carry water to the leaves of old trees far above.\n\n"
TEXT = "".join(PART.format(word, f"{word} of the forest " * 30) for word in ("Roots", "Stems"))
TREES = PART.format("Trees", "Roots of the forest " * 30)


def everything(world: Installation) -> list[Any]:
    """All rows, and all files but uploads and what is kept of unfinished work."""
    rows = [
        world.database.all(query)
        for query in (
            "select * from documents order by id",
            "select * from chunks order by id",
            "select * from connections order by source_chunk_id, target_chunk_id",
            "select * from components order by id",
            "select * from document_embeddings order by document_id",
        )
    ]
    objects = world.services.objects
    files = [(info.key, objects.read(info.key)) for info in objects.list(f"{world.user}/")]
    kept = [one for one in files if "/imports/" not in one[0] and not parse_checkpoint_name(one[0])]
    return [rows, kept]


def edited(archive: bytes, change: Callable[[dict[str, bytes]], object]) -> bytes:
    """The archive with other files, whose manifest knows them."""
    files = entries(archive)
    change(files)
    manifest = json.loads(files.pop("manifest.json"))
    for document in manifest["documents"]:
        document["files"] = [
            {"path": name, "size": len(data), "hash": sha256(data).hexdigest()}
            for name, data in files.items()
            if f"/{document['document_id']}/" in name
        ]
    return zipped({**files, "manifest.json": json.dumps(manifest).encode()})


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def with_chunks(
    archive: bytes, document_id: UUID, change: Callable[[list[dict[str, Any]]], object]
) -> bytes:
    """The archive with other chunks; one with another text does not claim its place any more."""

    def changed(files: dict[str, bytes]) -> None:
        name = f"documents/{document_id}/chunks.json"
        content = json.loads(files[name])
        before = [chunk["content"] for chunk in content["chunks"]]
        change(content["chunks"])
        for chunk in content["chunks"]:
            if chunk.get("content") not in before:
                chunk["position_confidence"] = "synthetic"
        files[name] = json.dumps(content).encode()

    return edited(archive, changed)


# Strategies
