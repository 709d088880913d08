"""Where stores on disk lie, and what becomes of it. What they do is in `tests/contract/test_stores.py`."""

import subprocess
import sys
from pathlib import Path

import pytest

from streamproc.errors import SettingsError
from streamproc.runtime.disk_store import DiskStores

HOLDER = """
import sys
from pathlib import Path
from streamproc.runtime.disk_store import DiskStores
stores = DiskStores(Path(sys.argv[1]))
store = stores.make("customer-state", 0)
store.put(b"ann", b"uncommitted")
print("ready", flush=True)
sys.stdin.read()
"""


def test_nothing_is_left_of_a_process_that_ends_in_order(tmp_path: Path) -> None:
    stores = DiskStores(tmp_path / "new" / "directory")
    one, again = stores.make("customer-state", 0), stores.make("customer-state", 0)
    one.put(b"a", b"")
    one.commit()
    assert again.get(b"a") is None
    one.close()
    again.close()
    stores.close()
    assert list((tmp_path / "new" / "directory").iterdir()) == []


def test_what_a_killed_process_left_is_removed_and_what_a_running_one_uses_is_not(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"ready\n"
        (held,) = tmp_path.iterdir()
        DiskStores(tmp_path).close()
        assert list(tmp_path.iterdir()) == [held]
        holder.kill()
    assert list(tmp_path.iterdir()) == [held]
    DiskStores(tmp_path).close()
    assert list(tmp_path.iterdir()) == []


def test_other_things_in_the_directory_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "streamproc-store-file").write_text("no folder")
    DiskStores(tmp_path).close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "streamproc-store-file"]


def test_a_directory_that_cannot_be_is_told_with_the_variable_to_change(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError) as told:
        DiskStores(tmp_path / "file")
    assert str(told.value) == (
        f"store_directory: cannot write to {tmp_path}/file: File exists (variable STREAMPROC_STORE_DIRECTORY)"
    )
