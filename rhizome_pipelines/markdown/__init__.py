"""Markdown text: the few facts about it that several floors need.

Here live where a document's headings stand (`headings.py`), what a line can begin or end
(`block_starts.py`), which lines only define link targets (`definitions.py`), a heading's text
without its markup (`titles.py`), and how places are counted (`utf16.py`, `unit_index.py`). Not
here: reading or writing documents, converting to or from markdown, repairing it, and cutting it.
"""
