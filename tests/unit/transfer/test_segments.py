"""Archives written in segments: what other programs read, the same bytes again, flat memory."""

import io
import subprocess
import tracemalloc
import zipfile
from collections.abc import Iterable, Mapping
from contextlib import closing
from hashlib import sha256
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from rhizome_pipelines.transfer.segments import ArchiveWriter, Outgoing, SegmentWriter

Files = Mapping[str, bytes]


def outgoing(files: Files) -> list[Outgoing]:
    return [
        Outgoing(name, lambda content=content: closing(io.BytesIO(content)))
        for name, content in files.items()
    ]


def archived(segments: Iterable[Files]) -> bytes:
    writer = ArchiveWriter()
    out = io.BytesIO()
    for files in segments:
        segment = SegmentWriter(outgoing(files), lambda _: None)
        blocks = list(segment.blocks())
        out.writelines(writer.segment(segment.members, blocks))
    out.writelines(writer.end())
    return out.getvalue()


@given(
    st.lists(
        st.dictionaries(
            st.text("abcäß🙂", min_size=1, max_size=5), st.binary(max_size=300), max_size=4
        ),
        max_size=4,
    )
)
def test_every_file_comes_out_as_it_went_in(segments: list[Files]) -> None:
    named = [
        {f"{number}/{name}": content for name, content in files.items()}
        for number, files in enumerate(segments)
    ]
    expected = {name: content for files in named for name, content in files.items()}

    data = archived(named)

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == list(expected)
        assert {name: archive.read(name) for name in expected} == expected
    assert archived(named) == data


def test_members_tell_sizes_and_hashes() -> None:
    segment = SegmentWriter(outgoing({"a.txt": b"word " * 1_000, "b": b"\x01"}), lambda _: None)
    assert len(b"".join(segment.blocks())) > 0
    first, second = segment.members
    assert (first.size, first.sha256) == (5_000, sha256(b"word " * 1_000).hexdigest())
    assert first.compressed < 500
    assert (second.size, second.method) == (1, zipfile.ZIP_STORED)


def test_what_does_not_shrink_is_stored() -> None:
    noise = b"".join(sha256(bytes([i, j])).digest() for i in range(100) for j in range(100))
    segment = SegmentWriter(outgoing({"source.pdf": noise}), lambda _: None)
    b"".join(segment.blocks())
    assert segment.members[0].method == zipfile.ZIP_STORED


def test_the_bytes_read_are_told() -> None:
    told: list[int] = []
    segment = SegmentWriter(outgoing({"a": bytes(1_000_000), "b": bytes(10)}), told.append)
    for _ in segment.blocks():
        pass
    assert sum(told) == 1_000_010
    assert len(told) > 3


def test_info_zip_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "archive.zip"
    path.write_bytes(archived([{"ä/note.md": b"# Words\n" * 99}, {}, {"raw.bin": b"\x00\xff"}]))
    done = subprocess.run(["unzip", "-t", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_memory_does_not_grow_with_a_file() -> None:
    class Zeros(io.RawIOBase):
        def __init__(self) -> None:
            self.left = 64 * 2**20

        def read(self, size: int = -1) -> bytes:
            size = min(size, self.left)
            self.left -= size
            return bytes(size)

    segment = SegmentWriter([Outgoing("zeros", lambda: closing(Zeros()))], lambda _: None)
    tracemalloc.start()
    for _ in segment.blocks():
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert segment.members[0].size == 64 * 2**20
    assert peak < 4 * 2**20
