from pathlib import Path

import pytest

from streamproc.local.cache import alone, cache_folder


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"STREAMPROC_CACHE": "/own", "XDG_CACHE_HOME": "/xdg"}, Path("/own")),
        ({"STREAMPROC_CACHE": "", "XDG_CACHE_HOME": "/xdg"}, Path("/xdg/streamproc")),
        ({"STREAMPROC_CACHE": "", "XDG_CACHE_HOME": "", "HOME": "/home/ann"}, Path("/home/ann/.cache/streamproc")),
        ({"STREAMPROC_CACHE": "~/own", "HOME": "/home/ann"}, Path("/home/ann/own")),
    ],
)
def test_the_cache_folder_is_the_one_named_else_the_users(
    environment: dict[str, str], expected: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == expected


def test_a_lock_is_free_again_after_its_block_even_when_that_fails(tmp_path: Path) -> None:
    lock = tmp_path / "deep" / "lock"
    with pytest.raises(ZeroDivisionError), alone(lock):
        _ = 1 / 0
    with alone(lock):
        assert lock.exists()
