"""Checkpoints: keys, envelopes, fingerprints, hashes, verification, and the store of all these.

This is the only place where a storage key is put together. Where the bytes lie (folder or
S3) is behind the `ObjectStore` port, implemented in `rhizome_pipelines.storage`.
"""
