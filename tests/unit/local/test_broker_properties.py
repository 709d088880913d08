from pathlib import Path

from streamproc.local.broker_properties import DEVELOPMENT, server_properties


def _parsed(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())


def test_a_node_is_broker_and_controller_on_loopback_alone() -> None:
    expected = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "listeners": "BROKER://127.0.0.1:20001,CONTROLLER://127.0.0.1:20002",
        "advertised.listeners": "BROKER://127.0.0.1:20001",
        "inter.broker.listener.name": "BROKER",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.quorum.voters": "1@127.0.0.1:20002",
        "log.dirs": "/data",
        **DEVELOPMENT,
    }
    assert _parsed(server_properties(Path("/data"), (20001, 20002), {})) == expected


def test_given_properties_win_over_ours() -> None:
    given = {"log.cleaner.backoff.ms": "200", "auto.create.topics.enable": "true"}
    settings = _parsed(server_properties(Path("/data"), (20001, 20002), given))
    assert {name: settings[name] for name in given} == given
