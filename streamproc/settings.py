"""Everything that can be set, from `STREAMPROC_...` variables or flags; all problems are reported together."""

import re
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from streamproc.errors import SettingsError

ENVIRONMENT_PREFIX = "STREAMPROC_"


# Of an address of a database: a name, a number or [a number of IPv6], and a port; or nothing.
_HOST = re.compile(r"(?:\[[^\[\]]*\]|[^:\[\]]*)(?::(?P<port>\d{0,5}))?")
_MOST_PORT = 65_535
_LONGEST_HOLD = 366 * 24 * 60 * 60


class Settings(BaseSettings):
    """One frozen set of settings; durations in seconds unless the name says otherwise."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX, env_ignore_empty=True, frozen=True, extra="ignore", allow_inf_nan=False
    )

    kafka: str = Field(description="brokers, host:port[,host:port...]", min_length=1)
    prefix: str = Field("streamproc.", description="in front of every topic name", pattern=r"^[A-Za-z0-9._-]*$")
    app_id: str = Field(
        "streamproc",
        description="consumer group, and first part of the transactional ids",
        pattern=r"^[A-Za-z0-9._-]+$",
        max_length=200,
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="how to talk to the brokers"
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "PLAIN", description="how to prove who this is"
    )
    sasl_username: str = Field("", description="who this is")
    sasl_password: str = Field("", description="its password", repr=False)
    ssl_cafile: str = Field("", description="certificates to trust; the system's when empty")

    postgres: str = Field(
        "",
        description="where unique codes are kept, postgresql://user:password@host:port/database; without it they wait",
        repr=False,
    )

    time_zone: str = Field("UTC", description="the project's zone: days, midnights, days of the week")
    hold: float = Field(
        600, description="seconds that a manual distribution waits before it is released", ge=0, le=_LONGEST_HOLD
    )
    dead_letter_limit: float = Field(
        0.5, description="share of 1,000 inputs in a row that may become dead letters; 1 = never stop", gt=0, le=1
    )
    tables_timeout: float = Field(
        60, description="seconds to wait, at most, for the judged configuration before starting on events", ge=0
    )

    chunk_records: int = Field(2000, description="records in one transaction, at most", ge=1, le=100_000)
    linger_milliseconds: float = Field(
        10, description="how long a chunk waits for company before it is closed", ge=0, le=1000
    )
    store_directory: str = Field(
        "",
        description="where the states of customers are kept on disk, when partitions outgrow memory (a local disk; "
        "needs the extra `disk`); in memory when empty",
    )
    session_timeout: float = Field(
        10, description="a worker not heard of for so many seconds loses its partitions", ge=1
    )
    transaction_timeout: float = Field(
        120,
        description="the broker ends a transaction left open for so many seconds; also the longest broker outage "
        "that a worker survives in the middle of a chunk",
        ge=1,
        le=900,
    )

    web_host: str = Field("127.0.0.1", description="address of the worker's pages; 0.0.0.0 in a container")
    web_port: int = Field(6066, description="port of /metrics, /healthz and /readyz", ge=1, le=65535)
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="debug also lets the libraries speak"
    )
    log_format: Literal["console", "json"] = Field("console", description="for people or for machines")

    @field_validator("time_zone")
    @classmethod
    def _zone_exists(cls, name: str) -> str:
        read_zone(name)
        return name

    @field_validator("postgres")
    @classmethod
    def _is_of_a_database(cls, address: str) -> str:
        return address and check_postgres(address)

    @model_validator(mode="after")
    def _sasl_is_complete(self) -> "Settings":
        if self.security_protocol.startswith("SASL") and not (self.sasl_username and self.sasl_password):
            told = f"security_protocol {self.security_protocol} needs sasl_username and sasl_password"
            raise ValueError(f"{told} (variables STREAMPROC_SASL_USERNAME, STREAMPROC_SASL_PASSWORD)")
        return self


def read_zone(name: str) -> ZoneInfo:
    """Return the time zone of this name. Raises `ValueError` when there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"no time zone {name!r}; use a name such as Europe/Warsaw") from None


def check_postgres(address: str) -> str:
    """Return the address of a database. Raises `ValueError`, whose text holds nothing of it: it may have a password."""
    try:
        scheme, place = urlsplit(address)[:2]
    except ValueError:
        scheme, place = "", ""
    hosts = [_HOST.fullmatch(host) for host in place.rpartition("@")[2].split(",")]
    if scheme not in {"postgresql", "postgres"} or not all(
        host is not None and int(host["port"] or 0) <= _MOST_PORT for host in hosts
    ):
        raise ValueError(
            "not an address such as postgresql://user:password@host:port/database; "
            "in user and password write / : @ # ? % as %2F %3A %40 %23 %3F %25"
        )
    return address


def load_settings(given: Mapping[str, Any]) -> Settings:
    """Settings from flags (those that are not None) over environment variables over defaults.

    Raises `SettingsError` with every problem, each naming the variable to change.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise SettingsError([_told(problem["loc"], problem["msg"]) for problem in error.errors()]) from None


def _told(location: tuple[int | str, ...], message: str) -> str:
    if not location:
        return message.removeprefix("Value error, ")
    name = str(location[0])
    variable = ENVIRONMENT_PREFIX + name.upper()
    if message == "Field required":
        return f"{name}: not set; give --{name.replace('_', '-')} or set {variable}"
    return f"{name}: {message.removeprefix('Value error, ')} (variable {variable})"
