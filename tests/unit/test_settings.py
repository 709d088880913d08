"""Settings: flags over variables over defaults, and all problems at once."""

import pytest

from streamproc.errors import SettingsError
from streamproc.settings import load_settings


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


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMPROC_PREFIX", "")
    assert load_settings({"kafka": "a:1"}).prefix == "streamproc."


def test_sasl_without_a_user_is_refused() -> None:
    with pytest.raises(SettingsError, match="needs sasl_username and sasl_password"):
        load_settings({"kafka": "a:1", "security_protocol": "SASL_SSL"})


def test_a_password_is_not_shown() -> None:
    given = {"kafka": "a:1", "security_protocol": "SASL_PLAINTEXT", "sasl_username": "me", "sasl_password": "secret"}
    assert "secret" not in repr(load_settings(given))
