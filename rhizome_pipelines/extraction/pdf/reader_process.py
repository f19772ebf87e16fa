"""The program of the reading process: the only place where native PDF code runs.

Run by path (`python -I reader_process.py`), never imported by the rest of the package, so that
it starts with few imports. It reads length-prefixed JSON requests (4 bytes, big-endian)
from standard input, answers each on standard output in the same framing, and ends at the
end of its input. Every request carries the path of the file; nothing is kept between two.

An answer is `{"ok": …, "rss": bytes}` or `{"error": …, "code": …, "rss": bytes}`.
"""

import contextlib
import io
import json
import os
import resource
import struct
import sys
import threading
import time
from typing import Any, BinaryIO

MAX_REQUEST = 1 << 20
MAX_OUTLINE_ENTRIES = 50_000
MAX_OUTLINE_TITLE = 500
MAX_OUTLINE_DEPTH = 12
PARENT_POLL = 0.5  # seconds

Json = dict[str, Any]


def confine(memory_limit: int, parent: int) -> None:
    """Limit this process and tie its life to the parent's."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (memory_limit, memory_limit))
    threading.Thread(target=end_with, args=(parent,), daemon=True).start()


def end_with(parent: int) -> None:
    """End this process when the parent has ended, also in the middle of native code.

    Both libraries release the interpreter's lock while they work. PR_SET_PDEATHSIG would not
    do: it follows the parent's thread that started this process, not the parent.
    """
    while os.getppid() == parent:
        time.sleep(PARENT_POLL)
    os._exit(1)


def resident_bytes() -> int:
    """Resident memory now (Linux) or at its highest (elsewhere)."""
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123  keeps pathlib unloaded
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


def count(request: Json) -> Json:
    """The number of pages."""
    import pypdfium2  # noqa: PLC0415  loaded only where needed: the process starts faster

    document = pypdfium2.PdfDocument(request["path"])
    try:
        return {"pages": len(document)}
    finally:
        document.close()


def describe(request: Json) -> Json:
    """Metadata and outline: `[level from 0, title, page from 1, y from the bottom or None]`."""
    import pypdfium2  # noqa: PLC0415

    document = pypdfium2.PdfDocument(request["path"])
    try:
        outline: list[tuple[int, str, int, float | None]] = []
        for bookmark in document.get_toc(max_depth=MAX_OUTLINE_DEPTH):
            if len(outline) >= MAX_OUTLINE_ENTRIES:
                break
            target = bookmark.get_dest()
            page = target.get_index() if target is not None else None
            if page is None:
                continue
            mode, view = target.get_view()
            y = view[1] if mode == pypdfium2.raw.PDFDEST_VIEW_XYZ and len(view) > 1 else None
            title = bookmark.get_title()[:MAX_OUTLINE_TITLE]
            outline.append((bookmark.level, title, page + 1, y))
        return {"metadata": document.get_metadata_dict(), "outline": outline}
    finally:
        document.close()


def rectangle(box: Any) -> list[float] | None:
    """`[x, y, width, height]` in points from the top left."""
    if box is None:
        return None
    return [round(value, 1) for value in (box.x, box.y, box.width, box.height)]


def block_facts(block: Any) -> Json:
    """What layout analysis says of a region; text only where its cells matter (tables)."""
    facts: Json = {"kind": block.kind, "box": rectangle(block.bbox), "level": block.level}
    if block.kind == "table":
        facts["header"] = [cell.text for cell in block.header or ()]
        facts["rows"] = [[cell.text for cell in row] for row in block.rows or ()]
    return facts


def page_facts(page: Any, number: int, limit: int) -> Json:
    """A page's text items and regions; raises ValueError for more text than `limit`."""
    size = 0
    items = []
    for item in page.text_items:
        size += len(item.text)
        if size > limit:
            raise ValueError(f"page {number} has more than {limit} characters")
        items.append(
            [
                item.text,
                round(item.x, 1),
                round(item.y, 1),
                round(item.width, 1),
                round(item.height, 1),
                item.font_name or "",
                round(item.font_size or 0.0, 1),
                round(item.rotation or 0.0, 1),
            ]
        )
    return {
        "page": number,
        "width": round(page.width, 1),
        "height": round(page.height, 1),
        "items": items,
        "blocks": [block_facts(block) for block in page.blocks or ()],
    }


def cut(path: str, first: int, last: int) -> bytes | None:
    """A PDF of these pages only, or None if PDFium cannot make it.

    liteparse reads the whole document's outline on each call, which takes a quarter of a
    second for 2,400 pages; a cut of 16 pages takes 4 ms.
    """
    import pypdfium2  # noqa: PLC0415

    document = pypdfium2.PdfDocument(path)
    target = pypdfium2.PdfDocument.new()
    buffer = io.BytesIO()
    try:
        target.import_pages(document, list(range(first - 1, last)))
        target.save(buffer)
    except pypdfium2.PdfiumError:
        return None
    finally:
        target.close()
        document.close()
    return buffer.getvalue()


def parse(request: Json) -> Json:
    """Pages `first` to `last` (from 1, inclusive) with their layout; unreadable ones missing."""
    from liteparse._liteparse import LiteParse  # noqa: PLC0415  the wrapper adds 45 ms

    first, last = request["first"], request["last"]
    piece = cut(request["path"], first, last) if request["cut"] else None
    before = first - 1 if piece is not None else 0
    parser = LiteParse(
        # Their defaults would fetch models from the network, and drop pages silently.
        ocr_enabled=False,
        max_pages=last - before,
        target_pages=f"{first - before}-{last - before}",
        output_format="markdown",
        extract_blocks=True,
        keep_headers_footers=True,
        extract_links=False,
        image_mode="off",
        continue_on_page_error=True,
        num_workers=1,
        quiet=True,
    )
    pages = []
    result = parser.parse(request["path"]) if piece is None else parser.parse_bytes(piece)
    for page in result.pages:
        try:
            pages.append(page_facts(page, page.page_num + before, request["limit"]))
        except ValueError:
            continue
    return {"pages": pages}


def plain(request: Json) -> Json:
    """One page's text without any layout."""
    import pypdfium2  # noqa: PLC0415

    document = pypdfium2.PdfDocument(request["path"])
    try:
        page = document[request["page"] - 1]
        width, height = page.get_size()
        text = page.get_textpage().get_text_bounded()
    finally:
        document.close()
    if len(text) > request["limit"]:
        raise ValueError(f"page {request['page']} has too many characters")
    return {"width": round(width, 1), "height": round(height, 1), "text": text}


OPERATIONS = {"count": count, "describe": describe, "parse": parse, "plain": plain}


def receive(source: BinaryIO) -> Json | None:
    """The next request; None at the end of the input."""
    head = source.read(4)
    if len(head) < 4:
        return None
    (length,) = struct.unpack(">I", head)
    if length > MAX_REQUEST:
        return None
    body = source.read(length)
    if len(body) < length:
        return None
    request: Json = json.loads(body)
    return request


def answer(request: Json) -> Json:
    """Carry out a request; whatever goes wrong becomes an answer too."""
    try:
        reply: Json = {"ok": OPERATIONS[request["op"]](request)}
    # A Rust panic is no Exception; an exhausted memory limit may be one anywhere.
    except BaseException as error:  # noqa: BLE001
        if isinstance(error, MemoryError):
            os._exit(1)
        reply = {
            "error": f"{type(error).__name__}: {error}"[:500],
            "code": getattr(error, "err_code", None),
        }
    reply["rss"] = resident_bytes()
    return reply


def main() -> None:
    """Serve requests until the input ends."""
    confine(int(sys.argv[1]), int(sys.argv[2]))
    # Native code may write to the standard streams; answers go through a descriptor of our own.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while (request := receive(sys.stdin.buffer)) is not None:
        body = json.dumps(answer(request), ensure_ascii=True, separators=(",", ":")).encode()
        answers.write(struct.pack(">I", len(body)))
        answers.write(body)
        answers.flush()
    # Native destructors have nothing left to do that is worth a crash at exit.
    os._exit(0)


if __name__ == "__main__":
    main()
