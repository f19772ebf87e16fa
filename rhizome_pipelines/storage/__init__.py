"""Where objects lie: a local folder, or a bucket of an S3-compatible service.

Both implement the port `rhizome_pipelines.checkpoints.objects.ObjectStore` and pass one suite.
Which keys exist and what they mean is not known here.
"""
