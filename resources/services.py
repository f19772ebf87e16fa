"""The open services (database, storage) as Dagster resources."""

from collections.abc import Iterator
from contextlib import contextmanager

from dagster import ConfigurableResource
from dagster_aws.s3 import S3Resource

from rhizome_pipelines.deployment.services import Services, open_services
from rhizome_pipelines.settings import load_settings


class ServicesResource(ConfigurableResource["ServicesResource"]):
    """Opens database and storage as the settings say; objects in S3 go through `s3`."""

    s3: S3Resource

    @contextmanager
    def open(self) -> Iterator[Services]:
        """The services, closed when the context ends."""
        with open_services(load_settings(), s3_client=self.s3.get_client) as services:
            yield services
