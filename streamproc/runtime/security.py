"""From the settings to the security options of Kafka clients."""

from typing import Any

from aiokafka.helpers import create_ssl_context

from streamproc.errors import SettingsError
from streamproc.settings import Settings


def client_security(settings: Settings) -> dict[str, Any]:
    """Return the options of every aiokafka client: protocol, certificates, user.

    Raises `SettingsError` when the certificates cannot be read.
    """
    if settings.security_protocol == "PLAINTEXT":
        return {}
    security: dict[str, Any] = {"security_protocol": settings.security_protocol}
    if settings.security_protocol.endswith("SSL"):
        try:
            security["ssl_context"] = create_ssl_context(cafile=settings.ssl_cafile or None)
        except OSError as error:
            told = f"ssl_cafile: no certificates can be read from {settings.ssl_cafile}: {error}"
            raise SettingsError([f"{told} (variable STREAMPROC_SSL_CAFILE)"]) from error
    if settings.security_protocol.startswith("SASL"):
        security["sasl_mechanism"] = settings.sasl_mechanism
        security["sasl_plain_username"] = settings.sasl_username
        security["sasl_plain_password"] = settings.sasl_password
    return security
