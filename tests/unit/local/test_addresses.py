import socket
import subprocess
import sys
from threading import Thread

import pytest

from streamproc.local import addresses
from streamproc.local.addresses import broker_answers, free_ports


def test_free_ports_are_different_and_can_be_listened_on() -> None:
    ports = free_ports(5)
    assert len(set(ports)) == 5
    for port in ports:
        with socket.create_server(("127.0.0.1", port)):
            pass


def test_a_port_that_was_found_is_found_by_nobody_else_until_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    (start,) = free_ports(1)
    monkeypatch.setattr(addresses, "_PORTS", range(start, start + 60))
    own = [port for _ in range(15) for port in free_ports(1)]
    program = (
        "from streamproc.local import addresses\n"
        f"addresses._PORTS = range({start}, {start + 60})\n"
        "print(*(port for _ in range(15) for port in addresses.free_ports(1)))"
    )
    other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    found = [*own, *map(int, other.stdout.split())]
    assert len(found) == len(set(found)) == 30


def test_of_the_ports_that_were_found_only_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "_KEPT", len(addresses._kept))
    before = len(addresses._kept)
    free_ports(3)
    assert len(addresses._kept) == before


def test_free_ports_are_outside_the_range_of_outgoing_connections() -> None:
    with socket.create_server(("127.0.0.1", 0)) as ours, socket.create_connection(ours.getsockname()) as outgoing:
        assert max(free_ports(20)) < outgoing.getsockname()[1]


@pytest.mark.parametrize("bootstrap", ["", "127.0.0.1", "127.0.0.1:", "127.0.0.1:1", "nowhere.invalid:9092"])
def test_nobody_answers_at_a_bad_or_unused_address(bootstrap: str) -> None:
    assert not broker_answers(bootstrap, 1.0)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00\x00\x00\x04\x00\x00\x00\x01"])
def test_another_program_at_the_address_is_no_broker(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = Thread(target=_answer_once, args=(server, answer))
        thread.start()
        assert not broker_answers("{}:{}".format(*server.getsockname()), 1.0)
        thread.join()


def _answer_once(server: socket.socket, answer: bytes) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(1024)
        connection.sendall(answer)
