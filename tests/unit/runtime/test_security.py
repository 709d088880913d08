"""Settings to the security options of clients."""

from pathlib import Path

import pytest

from streamproc.errors import SettingsError
from streamproc.runtime.security import client_security
from streamproc.settings import Settings


def test_without_security_there_are_no_options() -> None:
    assert client_security(Settings(kafka="broker:9092")) == {}


def test_a_user_is_told_to_the_clients() -> None:
    settings = Settings(
        kafka="broker:9092", security_protocol="SASL_PLAINTEXT", sasl_username="shop", sasl_password="secret"
    )
    assert client_security(settings) == {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": "shop",
        "sasl_plain_password": "secret",
    }


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_certificates_that_cannot_be_read_are_wrong_settings(tmp_path: Path, content: str | None) -> None:
    cafile = tmp_path / "ca.pem"
    if content is not None:
        cafile.write_text(content)
    with pytest.raises(SettingsError, match=r"ssl_cafile: .*STREAMPROC_SSL_CAFILE"):
        client_security(Settings(kafka="broker:9092", security_protocol="SSL", ssl_cafile=str(cafile)))
