import pytest

from harness import Postgres


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An empty folder."""
    return tmp_path_factory.mktemp("folder")


@pytest.fixture(scope="module")
def logged_postgres(tmp_path_factory):
    """A private PostgreSQL server that logs every statement; nobody needs a password there."""
    server = Postgres(tmp_path_factory.mktemp("postgres"))
    server.start()
    server.run("ALTER SYSTEM SET log_statement = 'all'")
    server.run("SELECT pg_reload_conf()")
    yield server
    server.remove()
