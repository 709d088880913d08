"""The database of codes as its address says: with a password, with TLS, and refused in words that hold no password."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from click.testing import CliRunner

from streamproc.cli import main
from streamproc.codes.ledger import Pool
from streamproc.codes.postgres import PostgresLedger
from streamproc.errors import LedgerUnavailable
from streamproc.local.postgres import LocalPostgres
from tests.support.databases import fetch
from tests.support.tls import TlsServer, certificate

PASSWORD = "s3cr3t/p@ss:w%rd"
NEEDS_PASSWORD = "host all postgres all trust\nhost all all all scram-sha-256\n"


@pytest.fixture(scope="module")
def server() -> Iterator[LocalPostgres]:
    """A server that asks everybody but its owner for a password."""
    with LocalPostgres() as server:
        quoted = PASSWORD.replace("'", "''")
        asyncio.run(fetch(server.address, f"CREATE ROLE shop LOGIN PASSWORD '{quoted}'"))
        asyncio.run(fetch(server.address, "GRANT CREATE ON DATABASE streamproc TO shop"))
        asyncio.run(fetch(server.address, "CREATE ROLE guest LOGIN PASSWORD 'guest'"))
        (server.data / "pg_hba.conf").write_text(NEEDS_PASSWORD)
        server.restart()
        yield server


def address(port: int, *, user: str = "shop", password: str = PASSWORD, more: str = "") -> str:
    return f"postgresql://{user}:{quote(password, safe='')}@localhost:{port}/streamproc{more}"


async def pools(database: str) -> list[Pool]:
    ledger = PostgresLedger(database)
    try:
        await ledger.add("camp_1", ["a", "b"])
        return list(await ledger.pools())
    finally:
        await ledger.close()


async def refusal(database: str) -> str:
    with pytest.raises(LedgerUnavailable) as refused:
        await pools(database)
    return str(refused.value)


async def test_an_address_may_hold_a_password(server: LocalPostgres) -> None:
    assert await pools(address(server.port)) == [Pool("camp_1", free=2, given=0)]


@pytest.mark.parametrize(
    ("user", "password", "told"),
    [
        ("shop", "wr0ng-one", 'password authentication failed for user "shop"'),
        ("guest", "guest", "permission denied"),
    ],
)
def test_who_is_not_let_in_is_told_so_without_the_password(
    server: LocalPostgres, user: str, password: str, told: str
) -> None:
    asked = ["codes", "status", "--postgres", address(server.port, user=user, password=password)]
    result = CliRunner().invoke(main, asked, catch_exceptions=False)
    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr
    assert "wr0ng-one" not in result.stderr


async def test_tls_is_used_as_the_address_demands_and_a_certificate_that_does_not_fit_is_refused(
    server: LocalPostgres, tmp_path: Path
) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    made, key = certificate(tmp_path)
    (tmp_path / "other").mkdir()
    other, _ = certificate(tmp_path / "other")
    async with TlsServer.before(server.address, made, key) as tls:
        assert await pools(address(tls.port, more="?sslmode=require"))
        verified = f"?sslmode=verify-full&sslrootcert={made}"
        before = tls.encrypted
        assert await pools(address(tls.port, more=verified))
        assert tls.encrypted > before
        by_number = urlsplit(address(tls.port, more=verified))
        told = await refusal(by_number.geturl().replace("@localhost:", "@127.0.0.1:"))
        assert "certificate is not valid for '127.0.0.1'" in told
        told = await refusal(address(tls.port, more=f"?sslmode=verify-full&sslrootcert={other}"))
        assert "CERTIFICATE_VERIFY_FAILED" in told
        told = await refusal(address(tls.port, more=f"?sslmode=verify-full&sslrootcert={tmp_path}/none"))
        assert told == "PostgreSQL: there is no file for TLS where the address says"
        assert await refusal(address(tls.port, more="?sslmode=disable"))


async def test_a_server_without_tls_is_refused_where_the_address_demands_it(server: LocalPostgres) -> None:
    assert "rejected SSL upgrade" in await refusal(address(server.port, more="?sslmode=require"))


async def test_what_only_the_driver_finds_wrong_with_an_address_is_told_without_the_password() -> None:
    told = await refusal("postgresql://shop:s3cr3t/p@ss@localhost/streamproc")
    assert told == "PostgreSQL: the address of the database cannot be read"
