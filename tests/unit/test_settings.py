"""Settings: flags over variables over defaults, and all problems at once."""

import pytest

from streamproc.errors import SettingsError
from streamproc.settings import Settings, check_postgres, load_settings


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAFKA", "PREFIX", "APP_ID", "WEB_PORT", "TIME_ZONE"):
        monkeypatch.delenv(f"STREAMPROC_{name}", raising=False)


def test_a_flag_wins_over_a_variable_and_a_variable_over_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMPROC_KAFKA", "variable:9092")
    monkeypatch.setenv("STREAMPROC_PREFIX", "variable.")
    settings = load_settings({"kafka": "flag:9092", "prefix": None})
    assert (settings.kafka, settings.prefix, settings.app_id) == ("flag:9092", "variable.", "streamproc")


def test_all_problems_are_told_at_once_and_name_the_variable() -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings({"web_port": "0", "time_zone": "Europe/Atlantis", "dead_letter_limit": "2"})
    told = "\n".join(refused.value.problems)
    assert len(refused.value.problems) == 4
    for variable in ("STREAMPROC_KAFKA", "STREAMPROC_WEB_PORT", "STREAMPROC_TIME_ZONE", "STREAMPROC_DEAD_LETTER_LIMIT"):
        assert variable in told


@pytest.mark.parametrize("hold", ["-1", "nan", "inf", "1e400", "1e12", "ten minutes"])
def test_a_hold_that_has_no_end_or_is_no_number_is_refused(hold: str) -> None:
    with pytest.raises(SettingsError, match="STREAMPROC_HOLD"):
        load_settings({"kafka": "a:1", "hold": hold})


@pytest.mark.parametrize("value", ["nan", "inf"])
@pytest.mark.parametrize("name", [name for name, field in Settings.model_fields.items() if field.annotation is float])
def test_what_is_counted_in_parts_is_a_finite_number(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"STREAMPROC_{name.upper()}"):
        load_settings({"kafka": "a:1", name: value})


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMPROC_PREFIX", "")
    assert load_settings({"kafka": "a:1"}).prefix == "streamproc."


def test_sasl_without_a_user_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"needs sasl_username and sasl_password .*STREAMPROC_SASL_PASSWORD"):
        load_settings({"kafka": "a:1", "security_protocol": "SASL_SSL"})


def test_a_password_is_not_shown() -> None:
    given = {"kafka": "a:1", "security_protocol": "SASL_PLAINTEXT", "sasl_username": "me", "sasl_password": "secret"}
    assert "secret" not in repr(load_settings(given))


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://postgres@127.0.0.1:5432/streamproc",
        "postgres://user:p%40ss%2Fword@db.example/codes?sslmode=verify-full",
        "postgresql://one:5432,two:5433/codes?target_session_attrs=read-write",
        "postgresql://user@[::1]:5432/codes",
        "postgresql:///codes?host=/run/postgresql",
    ],
)
def test_addresses_of_databases_are_taken_as_the_driver_does(address: str) -> None:
    assert load_settings({"kafka": "a:1", "postgres": address}).postgres == check_postgres(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "mysql://user:secret@db/codes",
        "user:secret@db",
        "host=db password=secret",
        "postgresql://user:secret/more@db/codes",
        "postgresql://user:secret#more@db/codes",
        "postgresql://user:secret@db:port/codes",
        "postgresql://user:secret@db:65536/codes",
        "postgresql://user:secret@[::1/codes",
    ],
)
def test_what_is_no_address_of_a_database_is_refused_without_showing_it(address: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings({"kafka": "a:1", "postgres": address})
    (problem,) = refused.value.problems
    assert problem.startswith("postgres: not an address such as postgresql://")
    assert problem.endswith("(variable STREAMPROC_POSTGRES)")
    assert "secret" not in problem
