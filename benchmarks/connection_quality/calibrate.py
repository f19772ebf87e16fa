"""At which cosine does a model's connection mean something? Prints a table and the choice.

    python benchmarks/connection_quality/calibrate.py                     # the built-in model
    python benchmarks/connection_quality/calibrate.py endpoint:nomic-embed-text \
        --base-url http://127.0.0.1:11434/v1
    python benchmarks/connection_quality/calibrate.py --background a.md b.md c.md

`pairs.jsonl` holds passages written for this purpose. `related`: the same thought in other words.
`unrelated`: other subjects, often with the same words (a river's bank, a bank's deposits).
`same_topic`: one subject, different claims; no cosine can tell them from `related`, so they are
counted apart. `length` is `sentence` (30 words) or `chunk` (100 words, about what is embedded in
practice: longer texts have higher cosines). All passages of different domains, paired with one
another, are the `strangers`: what a corpus is full of.

`--background` takes text files of different documents, as real as can be: passages of 1,200
characters from different files are paired with one another, and most pairs should stay apart,
even if all documents are manuals that share a jargon.

The choice: the lowest threshold, in steps of 0.05, at which precision over `related` and
`unrelated` is at least 0.95, at most one in 1,000 strangers is connected, and at most one in 100
pairs of the background. The threshold of the built-in model (0.5) was chosen with the Debian
Policy, four R manuals, the Rust book, the Rustonomicon and half of PostgreSQL's manual.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rhizome_pipelines.embedding import EmbeddingConfig, EmbeddingModel, open_model

PAIRS = Path(__file__).with_name("pairs.jsonl")
THRESHOLDS = [round(0.3 + 0.05 * step, 2) for step in range(12)]
LEAST_PRECISION = 0.95
MOST_STRANGERS = 0.001
MOST_BACKGROUND = 0.01


@dataclass(frozen=True)
class Measured:
    """Cosines of a model on the labelled set."""

    related: NDArray[np.float32]
    related_chunks: NDArray[np.float32]
    same_topic: NDArray[np.float32]
    unrelated: NDArray[np.float32]
    strangers: NDArray[np.float32]

    def precision(self, threshold: float) -> float:
        """Of the connected pairs that are related or unrelated, the share that is related."""
        true, false = above(self.related, threshold), above(self.unrelated, threshold)
        return true / (true + false) if true + false else 1.0

    def recall(self, threshold: float) -> float:
        return share(self.related, threshold)

    def f1(self, threshold: float) -> float:
        precision, recall = self.precision(threshold), self.recall(threshold)
        return 2 * precision * recall / (precision + recall) if recall else 0.0

    def chosen(self, prose: NDArray[np.float32]) -> float | None:
        """The threshold by the rule above; None if there is none."""
        good = (
            threshold
            for threshold in THRESHOLDS
            if self.precision(threshold) >= LEAST_PRECISION
            and share(self.strangers, threshold) <= MOST_STRANGERS
            and share(prose, threshold) <= MOST_BACKGROUND
        )
        return next(good, None)


def above(cosines: NDArray[np.float32], threshold: float) -> int:
    return int((cosines >= threshold).sum())


def share(cosines: NDArray[np.float32], threshold: float) -> float:
    return above(cosines, threshold) / max(len(cosines), 1)


def measure(model: EmbeddingModel) -> Measured:
    """Embed the labelled set and take the cosines."""
    pairs = [json.loads(line) for line in PAIRS.read_text(encoding="utf-8").splitlines()]
    first = model.embed([pair["a"] for pair in pairs])
    second = model.embed([pair["b"] for pair in pairs])
    cosines = (first * second).sum(axis=1)
    labels = np.array([pair["label"] for pair in pairs])
    lengths = np.array([pair["length"] for pair in pairs])
    domains = np.array([pair["domain"] for pair in pairs])
    strange = domains[:, None] != domains[None, :]
    strange &= lengths[:, None] == lengths[None, :]
    # An unrelated pair takes its second passage from anywhere, so only related ones tell.
    strange &= (labels == "related")[:, None] & (labels == "related")[None, :]
    return Measured(
        related=cosines[labels == "related"],
        related_chunks=cosines[(labels == "related") & (lengths == "chunk")],
        same_topic=cosines[labels == "same_topic"],
        unrelated=cosines[labels == "unrelated"],
        strangers=(first @ second.T)[strange],
    )


def background(model: EmbeddingModel, files: Sequence[Path]) -> NDArray[np.float32]:
    """Cosines of passages of 1,200 characters from different files, at most 300 of each."""
    blocks = []
    for file in files:
        text = " ".join(file.read_text(encoding="utf-8", errors="replace").split())
        starts = range(0, len(text), 1_200)
        step = max(1, len(starts) // 300)
        blocks.append(model.embed([text[start : start + 1_200] for start in starts[::step]]))
    pairs = [(one @ two.T).ravel() for i, one in enumerate(blocks) for two in blocks[i + 1 :]]
    return np.concatenate(pairs) if pairs else np.empty(0, np.float32)


def table(found: Measured, prose: NDArray[np.float32]) -> str:
    """One line a threshold."""
    head = "threshold  precision  recall  (chunks)     F1  same topic  strangers"
    lines = [head + ("  background" if len(prose) else "")]
    for threshold in THRESHOLDS:
        line = (
            f"{threshold:9.2f}  {found.precision(threshold):9.2f}  {found.recall(threshold):6.2f}"
            f"  {share(found.related_chunks, threshold):8.2f}  {found.f1(threshold):5.2f}"
            f"  {share(found.same_topic, threshold):10.2f}"
            f"  {share(found.strangers, threshold):9.4f}"
        )
        lines.append(line + (f"  {share(prose, threshold):10.5f}" if len(prose) else ""))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="*", default=["wordllama"])
    parser.add_argument("--base-url")
    parser.add_argument("--api-key")
    parser.add_argument("--background", nargs="*", type=Path, default=[])
    given = parser.parse_args()
    for name in given.model:
        config = EmbeddingConfig(name, given.base_url, given.api_key, max_dimensions=8_192)
        model = open_model(config)
        found = measure(model)
        prose = background(model, given.background)
        print(f"{model.name}\n{table(found, prose)}")
        print(f"chosen: {found.chosen(prose)}; in the code: {model.connection_threshold}\n")


if __name__ == "__main__":
    main()
