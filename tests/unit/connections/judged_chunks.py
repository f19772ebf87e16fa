"""Chunks and candidates for the tests of engines that read."""

from collections.abc import Mapping, Sequence
from uuid import UUID, uuid5

import numpy as np
from numpy.typing import NDArray

from rhizome_pipelines.connections.engine import Block, Candidate
from rhizome_pipelines.connections.ports import ChunkText, ChunkTraits, VectorBlock


def text(number: int, content: str, document: int = 1) -> ChunkText:
    name = f"Document {document}"
    return ChunkText(UUID(int=number), UUID(int=document), name, number, content, ())


def candidate(
    one: str, two: str, first: ChunkTraits | None = None, second: ChunkTraits | None = None
) -> Candidate:
    return Candidate(
        text(1, one, 1), text(2, two, 2), first or ChunkTraits(), second or ChunkTraits()
    )


def block(document: int, traits: Sequence[ChunkTraits]) -> Block:
    owner = UUID(int=document)
    ids = [uuid5(owner, str(number)) for number in range(len(traits))]
    known: Mapping[UUID, ChunkTraits] = dict(zip(ids, traits, strict=True))
    vectors = np.zeros((len(ids), 2), np.float32)
    return Block(VectorBlock(ids, [owner] * len(ids), vectors), lambda wanted: known)


def no_cosines(one: Block, two: Block) -> NDArray[np.float64]:
    return np.zeros((len(one.chunks.ids), len(two.chunks.ids)))


def silent(fraction: float, details: str) -> None:
    assert 0 <= fraction <= 1
