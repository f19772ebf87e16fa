"""EPUB books to markdown, along their spine.

Here live the guarded archive (`archive`), the package and its navigation (`package`,
`navigation`), and the way of one document to markdown (`chapter`). Not here: unpacking to disk;
entries are read one by one, and pictures never.
"""
