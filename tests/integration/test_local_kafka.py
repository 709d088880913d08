"""The local broker: real Kafka, real Maven, real processes."""

import asyncio
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streamproc.errors import LocalBrokerError
from streamproc.local import jars, server
from streamproc.local.addresses import broker_answers, postgres_answers
from streamproc.local.class_archive import archive_options
from streamproc.local.kafka import LocalKafka, existing_broker, kafka
from streamproc.local.processes import end_by_id, is_running

pytestmark = pytest.mark.broker

_KILLED_WITH_ITS_PARENT_SECONDS = 10


async def _create_topic(bootstrap: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, 1, 1)])
    finally:
        await admin.close()


async def _topics(bootstrap: str) -> list[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        return list(await admin.list_topics())
    finally:
        await admin.close()


async def _write(bootstrap: str, topic: str, *values: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()
    try:
        for value in values:
            await producer.send_and_wait(topic, value)
    finally:
        await producer.stop()


async def _read(bootstrap: str, topic: str) -> list[bytes]:
    partition = TopicPartition(topic, 0)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=None, auto_offset_reset="earliest")
    consumer.assign([partition])
    await consumer.start()
    try:
        end = (await consumer.end_offsets([partition]))[partition]
        values: list[bytes] = []
        while len(values) < end:
            values += [record.value for record in (await consumer.getmany(timeout_ms=1000)).get(partition, [])]
        return values
    finally:
        await consumer.stop()


def _listening(pid: int) -> set[str]:
    connections = psutil.Process(pid).net_connections(kind="tcp")
    return {connection.laddr.ip.removeprefix("::ffff:") for connection in connections if connection.status == "LISTEN"}


def test_a_broker_answers_once_started_and_stopping_leaves_nothing() -> None:
    with LocalKafka() as broker:
        pid = broker.pid
        assert pid is not None
        assert broker_answers(broker.bootstrap, 1.0)
        assert _listening(pid) == {"127.0.0.1"}
    assert not psutil.pid_exists(pid)
    assert broker.pid is None
    assert not broker_answers(broker.bootstrap, 1.0)
    assert not broker.folder.exists()


async def test_two_brokers_do_not_see_each_others_topics() -> None:
    with LocalKafka() as one, LocalKafka() as other:
        await _create_topic(one.bootstrap, "of-one")
        await _create_topic(other.bootstrap, "of-other")
        assert (await _topics(one.bootstrap), await _topics(other.bootstrap)) == (["of-one"], ["of-other"])


@pytest.mark.parametrize("end", [LocalKafka.stop, LocalKafka.kill])
async def test_a_broker_comes_back_at_its_address_with_its_data(end: Callable[[LocalKafka], None]) -> None:
    with LocalKafka() as broker:
        address, first = broker.bootstrap, broker.pid
        await _create_topic(address, "kept")
        await _write(address, "kept", b"1", b"2")
        end(broker)
        assert broker.pid is None
        broker.restart()
        await _write(address, "kept", b"3")
        assert await _read(address, "kept") == [b"1", b"2", b"3"]
        assert broker.bootstrap == address
        assert broker.pid not in {None, first}


async def test_a_given_folder_keeps_its_data_for_the_next_broker(tmp_path: Path) -> None:
    folder = tmp_path / "broker"
    with LocalKafka(folder) as first:
        await _create_topic(first.bootstrap, "kept")
        await _write(first.bootstrap, "kept", b"1")
    with LocalKafka(folder) as second:
        assert await _read(second.bootstrap, "kept") == [b"1"]
    assert {"data", "server.properties", "broker.log"} <= {path.name for path in folder.iterdir()}


async def test_given_properties_reach_the_broker() -> None:
    with LocalKafka(properties={"auto.create.topics.enable": "true", "num.partitions": "1"}) as broker:
        await _write(broker.bootstrap, "made-by-writing", b"1")
        assert await _topics(broker.bootstrap) == ["made-by-writing"]


def test_a_failed_start_shows_the_end_of_the_log_and_leaves_nothing(tmp_path: Path) -> None:
    broker = LocalKafka(tmp_path, {"log.retention.hours": "a while"})
    with pytest.raises(LocalBrokerError, match=r"exit code 1 before it was ready(?s:.*)Invalid value a while"):
        broker.start()
    assert broker.pid is None


def test_starting_twice_is_refused_and_the_first_start_stays() -> None:
    with LocalKafka() as broker:
        with pytest.raises(LocalBrokerError, match=r"running already \(process \d+\)"):
            broker.start()
        assert broker_answers(broker.bootstrap, 1.0)


def test_a_broker_is_killed_with_the_process_that_started_it() -> None:
    program = (
        "import sys; from streamproc.local.kafka import LocalKafka\n"
        "with LocalKafka() as broker: print(broker.pid, broker.folder, flush=True); sys.stdin.read()"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout is not None
        pid, folder = parent.stdout.readline().split()
        broker = psutil.Process(int(pid))
        parent.kill()
    broker.wait(_KILLED_WITH_ITS_PARENT_SECONDS)
    assert not is_running(int(pid), folder)
    shutil.rmtree(folder)


async def test_a_broker_outlives_the_thread_in_which_it_was_started() -> None:
    broker = LocalKafka()
    try:
        await asyncio.to_thread(broker.start)
        await asyncio.get_running_loop().shutdown_default_executor()
        assert broker_answers(broker.bootstrap, 1.0)
    finally:
        broker.close()


def test_the_variable_names_an_existing_broker_and_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("STREAMPROC_KAFKA", "broker.example:9092")
    with kafka() as bootstrap:
        assert bootstrap == "broker.example:9092"
    monkeypatch.setenv("STREAMPROC_KAFKA", "")
    assert existing_broker() is None


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing fetched yet, and no program but those that a test puts into `bin`."""
    cache = tmp_path / "cache"
    monkeypatch.setenv("STREAMPROC_CACHE", str(cache))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    return cache


def _program(tmp_path: Path, name: str, script: str) -> None:
    file = tmp_path / "bin" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)


@pytest.mark.usefixtures("empty_cache")
def test_without_java_and_maven_one_line_says_what_to_install() -> None:
    with pytest.raises(LocalBrokerError) as raised, LocalKafka():
        pass
    assert str(raised.value) == (
        "no local Kafka: install Java 17 or later and Maven (mvn), needed once to fetch Kafka, "
        "or set STREAMPROC_KAFKA=host:port to use an existing broker"
    )


@pytest.mark.usefixtures("empty_cache")
def test_without_maven_one_line_says_what_to_install(tmp_path: Path) -> None:
    _program(tmp_path, "java", "exit 0")
    with pytest.raises(LocalBrokerError) as raised:
        jars.kafka_files()
    assert str(raised.value) == (
        "no local Kafka: install Maven (mvn), needed once to fetch Kafka, "
        "or set STREAMPROC_KAFKA=host:port to use an existing broker"
    )


def test_when_maven_fails_its_last_lines_are_shown_and_nothing_is_kept(empty_cache: Path, tmp_path: Path) -> None:
    _program(tmp_path, "java", "exit 0")
    _program(tmp_path, "mvn", "echo '[ERROR] the network is unreachable'; exit 1")
    with pytest.raises(LocalBrokerError) as raised:
        jars.kafka_files()
    first, said, advice = str(raised.value).splitlines()
    assert first == "Maven could not fetch Kafka (exit 1); its last lines:"
    assert said == "[ERROR] the network is unreachable"
    assert advice.startswith("Check the network and Maven's settings and start again")
    assert [path.name for path in empty_cache.iterdir() if path.suffix != ".lock"] == []


def test_two_processes_fetch_once_and_a_later_start_calls_maven_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, calls = tmp_path / "cache", tmp_path / "calls"
    monkeypatch.setenv("STREAMPROC_CACHE", str(cache))
    (cache / f"fetching-{jars._home().name}-by-one-that-was-killed").mkdir(parents=True)
    _program(tmp_path, "mvn", f'echo called >> {calls}\nexec {shutil.which("mvn")} "$@"')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    program = "from streamproc.local.jars import kafka_files; print(kafka_files().jars)"
    both = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = {process.communicate()[0] for process in both}
    later = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True)

    (folder,) = [path for path in cache.iterdir() if path.is_dir()]
    assert answers == {later.stdout} == {f"{folder}/jars\n"}
    assert calls.read_text() == "called\n"
    assert {path.name for path in folder.iterdir()} == {"jars", "bootstrap.checkpoint"}


def _cache_without_archive(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point at a cache of its own that has everything but an archive; return the home of Kafka in it."""
    there = jars.kafka_files().jars
    monkeypatch.setenv("STREAMPROC_CACHE", str(folder))
    home = jars._home()
    shutil.copytree(there, home / "jars")
    shutil.copy(there.parent / "bootstrap.checkpoint", home)
    return home


def _archives_in_use(broker: LocalKafka) -> set[str]:
    return {mapped.path for mapped in psutil.Process(broker.pid).memory_maps() if mapped.path.endswith(".jsa")}


def test_the_first_broker_of_a_cache_makes_the_archive_that_all_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = _cache_without_archive(tmp_path, monkeypatch)
    with LocalKafka() as first, LocalKafka() as second:
        (archive,) = home.glob("*.jsa")
        assert str(archive) in _archives_in_use(first) & _archives_in_use(second)
    assert {path.suffix for path in home.iterdir()} == {"", ".checkpoint", ".jsa", ".lock"}
    assert not list(home.glob("archiving-*"))


def test_a_broker_starts_with_an_archive_that_its_jvm_does_not_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = _cache_without_archive(tmp_path, monkeypatch)

    def write(options: Sequence[str]) -> None:
        Path(options[0].partition("=")[2]).write_bytes(b"no archive")

    (option,) = archive_options(jars.kafka_files(), write)
    with LocalKafka() as broker:
        assert option in psutil.Process(broker.pid).cmdline()
        assert not any(path.startswith(str(home)) for path in _archives_in_use(broker))
    assert [archive.read_bytes() for archive in home.glob("*.jsa")] == [b"no archive"]


def test_an_archive_that_is_cut_off_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = _cache_without_archive(tmp_path, monkeypatch)
    with LocalKafka():
        (archive,) = home.glob("*.jsa")
    archive.chmod(0o644)
    with archive.open("r+b") as file:
        file.truncate(1_000_000)
    with LocalKafka() as broker:
        (made,) = home.glob("*.jsa")
        assert str(made) in _archives_in_use(broker)


def test_a_jvm_that_is_killed_while_it_makes_the_archive_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = _cache_without_archive(tmp_path, monkeypatch)
    with monkeypatch.context() as impatient:
        impatient.setattr(server, "_STOP_LIMIT_SECONDS", 0.0)
        with LocalKafka() as broker:
            assert not any(path.startswith(str(home)) for path in _archives_in_use(broker))
    assert not list(home.glob("*.jsa"))
    with LocalKafka() as broker:
        (archive,) = home.glob("*.jsa")
        assert str(archive) in _archives_in_use(broker)


def _local(*arguments: str, **environment: str) -> tuple[int, str]:
    """Run `streamproc local ...` as a person would."""
    named = {"STREAMPROC_KAFKA", "STREAMPROC_POSTGRES"}
    settings = {name: value for name, value in os.environ.items() if name not in named}
    command = [sys.executable, "-m", "streamproc", "local", *arguments]
    done = subprocess.run(command, env={**settings, **environment}, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout or done.stderr


def _json(answer: tuple[int, str]) -> tuple[int, Mapping[str, Any]]:
    return answer[0], orjson.loads(answer[1])


def test_local_up_outlives_its_command_until_local_down(tmp_path: Path) -> None:
    where = ("--folder", str(tmp_path / "broker"), "--json")
    try:
        code, started = _json(_local("up", *where))
        running = {name: value for name, value in started.items() if name != "started"}
        assert set(running) == {"bootstrap", "pid", "folder", "postgres", "postgres_pid"}
        assert (code, started["started"]) == (0, True)
        assert broker_answers(started["bootstrap"], 1.0)
        assert postgres_answers(started["postgres"], 1.0)
        assert _json(_local("status", *where)) == (0, {"running": running})
        assert _json(_local("up", *where)) == (0, {**running, "started": False})
        # As after the exports that `up` suggests.
        exported = {"STREAMPROC_KAFKA": started["bootstrap"], "STREAMPROC_POSTGRES": started["postgres"]}
        assert _json(_local("down", *where, **exported)) == (0, {"stopped": running})
        assert not is_running(started["pid"], started["folder"])
        assert not is_running(started["postgres_pid"], started["folder"])
        assert _json(_local("status", *where)) == (1, {"running": None})
        assert _json(_local("down", *where)) == (0, {"stopped": None})
    finally:
        _local("down", *where)


def test_local_up_starts_again_what_has_ended_and_leaves_the_other_as_it_is(kafka: str, tmp_path: Path) -> None:
    where = ("--folder", str(tmp_path / "servers"), "--json")
    try:
        _, first = _json(_local("up", *where, STREAMPROC_KAFKA=kafka))
        end_by_id(first["postgres_pid"], str(tmp_path), 5.0)
        named = {"bootstrap": kafka, "pid": None, "folder": None, "postgres": None, "postgres_pid": None}
        assert _json(_local("status", *where, STREAMPROC_KAFKA=kafka)) == (1, {"running": named})
        _, second = _json(_local("up", *where, STREAMPROC_KAFKA=kafka))
        assert (second["bootstrap"], second["started"]) == (kafka, True)
        assert second["postgres_pid"] != first["postgres_pid"]
        assert postgres_answers(second["postgres"], 1.0)
    finally:
        _local("down", *where)


def test_local_up_names_the_existing_servers_and_starts_none(kafka: str, postgres: str, tmp_path: Path) -> None:
    where = ("--folder", str(tmp_path / "broker"))
    named = {"STREAMPROC_KAFKA": kafka, "STREAMPROC_POSTGRES": postgres}
    existing = {"bootstrap": kafka, "pid": None, "folder": None, "postgres": postgres, "postgres_pid": None}
    assert _json(_local("up", *where, "--json", **named)) == (0, {**existing, "started": False})
    assert _json(_local("status", *where, "--json", **named)) == (0, {"running": existing})
    assert _local("up", *where, **named | {"STREAMPROC_KAFKA": "127.0.0.1:1"}) == (
        2,
        "Error: no broker answers at 127.0.0.1:1, which STREAMPROC_KAFKA names; unset it to start one here\n",
    )
    assert _local("up", *where, **named | {"STREAMPROC_POSTGRES": "postgresql://u:secret@127.0.0.1:1/x"}) == (
        2,
        "Error: no PostgreSQL answers where STREAMPROC_POSTGRES says; unset it to start one here\n",
    )


def test_local_shows_no_passwords(kafka: str, postgres: str, tmp_path: Path) -> None:
    secret = postgres.replace("@", ":secret@")
    named = {"STREAMPROC_KAFKA": kafka, "STREAMPROC_POSTGRES": secret}
    code, shown = _local("status", "--folder", str(tmp_path), **named)
    assert (code, "secret" in shown, "PostgreSQL at postgresql://postgres@" in shown) == (0, False, True)


def test_local_down_leaves_another_program_with_the_same_id_alone(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        state = {"bootstrap": "127.0.0.1:20000", "pid": other.pid, "folder": str(tmp_path)}
        state |= {"postgres": "postgresql://postgres@127.0.0.1:20001/streamproc", "postgres_pid": other.pid}
        (tmp_path / "local.json").write_bytes(orjson.dumps(state))
        assert _json(_local("down", "--folder", str(tmp_path), "--json")) == (0, {"stopped": None})
        assert other.poll() is None
        end_by_id(other.pid, "sleep", 5.0)
