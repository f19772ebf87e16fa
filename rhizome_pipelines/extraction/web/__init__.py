"""Web pages to markdown: a guarded fetch, the main text, markdown.

Here live the guard against addresses that are not public, the fetch with its limits, and the
extractor. Not here: crawling, logins, scripts; one address is one page.
"""
