"""The deployment put together: settings become services, documents become jobs, jobs are walked.

Here the domain, the database and the storage meet; still without dagster, so that the CLI, the
panel and the Dagster folders all stand on the same functions.
"""
