"""What all tests share. Fixtures live in the plugins named here."""

pytest_plugins = ["tests.postgres_fixtures"]
