"""Addresses on this machine: free ports, and whether a broker or a database answers at one."""

import os
import random
import socket
import struct
from collections import deque
from io import BytesIO
from urllib.parse import parse_qs, urlsplit

from aiokafka.protocol.metadata import MetadataRequest_v1, MetadataResponse_v1

LOOPBACK = "127.0.0.1"
# Below the range from which systems take the near end of outgoing connections: while a broker is down between
# two starts, a client that keeps trying to reach it could otherwise be given (and keep) the broker's own port.
_PORTS = range(20_000, 32_000)
_ATTEMPTS = 200
# So many of the ports that were found here are kept from other processes, until they are used.
_KEPT = 100
_kept: deque[int] = deque()
_METADATA_KEY = 3
_METADATA_VERSION = 1
_TLS_REQUEST = 80_877_103  # the question whether PostgreSQL speaks TLS; it answers with one letter


def free_ports(count: int) -> list[int]:
    """Ports of the loopback interface that nobody listens on now, and that this function finds for nobody else."""
    found: list[int] = []
    chooser = random.SystemRandom()
    for _ in range(_ATTEMPTS):
        if len(found) == count:
            return found
        port = chooser.choice(_PORTS)
        if _is_free(port) and _keep(port):
            found.append(port)
    raise OSError(f"no {count} free ports on {LOOPBACK} between {_PORTS.start} and {_PORTS.stop}")


def _keep(port: int) -> bool:
    """Keep a port from whoever else looks for one; false where somebody keeps it already.

    By a socket for datagrams, which servers do not mind. It ends with the process, or after many more.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as keeper:
        try:
            keeper.bind((LOOPBACK, port))
        except OSError:
            return False
        _kept.append(keeper.detach())
    if len(_kept) > _KEPT:
        os.close(_kept.popleft())
    return True


def broker_answers(bootstrap: str, timeout: float) -> bool:
    """Whether the first of these brokers answers a metadata request and knows a live broker, within seconds."""
    host, _, port = bootstrap.split(",", maxsplit=1)[0].strip().rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout) as connection:
            connection.settimeout(timeout)
            return _live_brokers(connection) > 0
    except (OSError, ValueError):
        return False


def postgres_answers(address: str, timeout: float) -> bool:
    """Whether the first server of this address says something that only PostgreSQL says, within seconds."""
    try:
        with _connection(address, timeout) as connection:
            connection.settimeout(timeout)
            connection.sendall(struct.pack(">ii", 8, _TLS_REQUEST))
            return connection.recv(1) in {b"S", b"N"}
    except (OSError, ValueError):
        return False


def _connection(address: str, timeout: float) -> socket.socket:
    """Connect to the place that a DSN names, which may be a folder with a socket."""
    parts = urlsplit(address)
    place = parse_qs(parts.query).get("host", [parts.hostname or ""])[0].split(",")[0]
    port = parts.port or int(parse_qs(parts.query).get("port", ["5432"])[0].split(",")[0])
    if not place.startswith("/"):
        return socket.create_connection((place or "localhost", port), timeout)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(timeout)
    connection.connect(f"{place}/.s.PGSQL.{port}")
    return connection


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _live_brokers(connection: socket.socket) -> int:
    """Ask for the cluster without topics. A broker that has not been let into its cluster yet is not in the answer."""
    header = struct.pack(">hhih", _METADATA_KEY, _METADATA_VERSION, 1, -1)
    request = header + MetadataRequest_v1([]).encode()
    connection.sendall(struct.pack(">i", len(request)) + request)
    with connection.makefile("rb") as stream:
        size = stream.read(4)
        if len(size) < 4:
            return 0
        answer = stream.read(struct.unpack(">i", size)[0])
    response = MetadataResponse_v1.decode(BytesIO(answer[4:]))  # after the correlation id
    return len(response.brokers)
