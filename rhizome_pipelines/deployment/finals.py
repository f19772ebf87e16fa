"""What lasts of a finished job: `manifest.json`, and the job's output for clients."""

from collections.abc import Mapping
from typing import Any

from rhizome_pipelines.checkpoints.manifest import Manifest, ManifestFile
from rhizome_pipelines.checkpoints.objects import ObjectMissingError
from rhizome_pipelines.checkpoints.results import StageCheckpoint
from rhizome_pipelines.checkpoints.store import CheckpointStore
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.stage_names import DOCUMENT_STAGES, StageName

_NAMES = {
    "content.md": "content",
    "chunks.json": "chunks",
    "metadata.json": "metadata",
    "embeddings.parquet": "embeddings",
    "connections.parquet": "connections",
    "source.html": "source",
}
"""What the manifest calls each final file."""

_COUNTS = {"chunks": "chunk_count", "embeddings": "chunk_count", "connections": "connection_count"}


def write_manifest(
    store: CheckpointStore,
    document: Document,
    stages: Mapping[StageName, StageCheckpoint],
    seconds: Mapping[StageName, float],
) -> None:
    """Write `manifest.json` for these stages; what it kept of others stays."""
    previous = _previous(store)
    files = dict(previous.files) if previous else {}
    lasting = dict(previous.stages) if previous else {}
    took = dict(previous.processing_time) if previous else {}
    for name, checkpoint in stages.items():
        files |= _files(checkpoint)
        lasting[name.value] = checkpoint.file.lasting_part()
        took[name.value] = round(seconds[name], 3)
    if (source := _source(store, document)) is not None:
        files["source"] = source
    facts = _all_facts(lasting)
    content = files.get("content")
    manifest = Manifest(
        document_id=document.id,
        created_at=document.created_at,
        processing_mode=str(facts.get("processing_mode", "local")),
        files=files,
        processing_cost={},
        processing_time=took,
        chunk_count=int(facts.get("chunk_count", 0)),
        word_count=int(facts.get("word_count", 0)),
        markdown_hash=content.hash if content else None,
        stages=lasting,
    )
    store.objects.write(store.keys.manifest, manifest.to_bytes())


def job_output(document: Document, stages: Mapping[StageName, StageCheckpoint]) -> dict[str, Any]:
    """`output_data` of a completed `process_document`, in the clients' camelCase."""
    facts: dict[str, Any] = {}
    for stage in DOCUMENT_STAGES:
        if stage in stages:
            facts |= stages[stage].facts
    told = {
        "documentTitle": facts.get("title") or document.title,
        "pageCount": facts.get("page_count"),
        "wordCount": facts.get("word_count"),
        "chunkCount": facts.get("chunk_count"),
        "connectionCount": facts.get("connection_count"),
        "embeddingModel": facts.get("embedding_model"),
    }
    return {
        "success": True,
        "documentId": str(document.id),
        **{name: value for name, value in told.items() if value is not None},
    }


def _previous(store: CheckpointStore) -> Manifest | None:
    try:
        return Manifest.from_bytes(store.objects.read(store.keys.manifest))
    except ObjectMissingError:
        return None


def _files(checkpoint: StageCheckpoint) -> dict[str, ManifestFile]:
    return {
        _NAMES.get(name, name): ManifestFile(
            path=output.path,
            size=output.size,
            hash=output.hash,
            count=checkpoint.facts.get(_COUNTS.get(_NAMES.get(name, ""), "")),
        )
        for name, output in checkpoint.outputs.items()
    }


def _source(store: CheckpointStore, document: Document) -> ManifestFile | None:
    """The file that was handed in; its hash is the one that was taken when it came."""
    if document.storage_path is None:
        return None
    info = store.objects.info(document.storage_path)
    if info is None:
        return None
    digest = str(document.source_metadata.get("sha256", ""))
    return ManifestFile(path=info.key, size=info.size, hash=digest)


def _all_facts(lasting: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of all stages, later ones over earlier; word_count is the extraction's."""
    facts: dict[str, Any] = {}
    for stage in DOCUMENT_STAGES:
        facts |= lasting.get(stage.value, {}).get("facts", {})
    extraction = lasting.get(StageName.EXTRACTION.value, {}).get("facts", {})
    return facts | {"word_count": extraction.get("word_count", facts.get("word_count", 0))}
