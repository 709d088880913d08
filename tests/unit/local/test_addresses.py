import socket
from threading import Thread

import pytest

from streamproc.local.addresses import broker_answers, free_ports


def test_free_ports_are_different_and_can_be_listened_on() -> None:
    ports = free_ports(5)
    assert len(set(ports)) == 5
    for port in ports:
        with socket.create_server(("127.0.0.1", port)):
            pass


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
