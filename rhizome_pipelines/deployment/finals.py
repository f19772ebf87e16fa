"""What lasts of a finished job: `manifest.json`, and the job's output for clients."""

from collections.abc import Mapping
from typing import Any

from rhizome_pipelines.checkpoints.manifest import ManifestDetails, write_manifest
from rhizome_pipelines.checkpoints.results import StageCheckpoint
from rhizome_pipelines.checkpoints.store import CheckpointStore
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.stage_names import DOCUMENT_STAGES, StageName

Results = Mapping[StageName, StageCheckpoint]


def keep_finals(
    store: CheckpointStore,
    document: Document,
    results: Results,
    seconds: Mapping[StageName, float],
) -> None:
    """Write the manifest of these results; `seconds` are those that this run took for them."""
    chunks = _fact(results, StageName.CHUNKING, "chunk_count") or 0
    counts = {
        name: count
        for name, stage, count in (
            ("chunks", StageName.CHUNKING, chunks),
            ("embeddings", StageName.EMBEDDINGS, chunks),
            (
                "connections.parquet",
                StageName.CONNECTIONS,
                _fact(results, StageName.CONNECTIONS, "connections"),
            ),
        )
        if stage in results
    }
    write_manifest(
        store.objects,
        store.keys,
        [results[stage] for stage in DOCUMENT_STAGES if stage in results],
        ManifestDetails(
            processing_mode=_fact(results, StageName.CHUNKING, "processing_mode") or "local",
            chunk_count=chunks,
            word_count=_fact(results, StageName.EXTRACTION, "word_count") or 0,
            processing_time={stage.value: round(took, 3) for stage, took in seconds.items()},
            counts=counts,
        ),
        source_key=document.storage_path,
        created_at=document.created_at,
    )


def job_output(document: Document, results: Results) -> dict[str, Any]:
    """`output_data` of a completed `process_document`, in the clients' camelCase."""
    told = {
        "documentTitle": document.title,
        "pageCount": _fact(results, StageName.EXTRACTION, "page_count"),
        "wordCount": _fact(results, StageName.EXTRACTION, "word_count"),
        "chunkCount": _fact(results, StageName.CHUNKING, "chunk_count"),
        "embeddingModel": _fact(results, StageName.EMBEDDINGS, "model"),
        "connectionCount": _fact(results, StageName.CONNECTIONS, "connections"),
    }
    return {
        "success": True,
        "documentId": str(document.id),
        **{name: value for name, value in told.items() if value is not None},
    }


def with_earlier(store: CheckpointStore, made: Results) -> Results:
    """The results of all stages: those made now, and what the others have left.

    A run that went on from another finds their stage files; one of a single stage of a document
    that is done, what the manifest kept of them.
    """
    results = dict(made)
    for stage in DOCUMENT_STAGES:
        if stage not in results:
            earlier = store.read_stage(stage, None)
            if not isinstance(earlier, StageCheckpoint):
                earlier = store.read_manifest_record(stage)
            if isinstance(earlier, StageCheckpoint):
                results[stage] = earlier
    return results


def _fact(results: Results, stage: StageName, name: str) -> Any:
    checkpoint = results.get(stage)
    return checkpoint.facts.get(name) if checkpoint is not None else None
