"""crash.c itself: every call that changes the folder is one step, and nothing of it happens where the power goes."""

import os
import pathlib
import signal
import subprocess
import sys

import pytest

from crash import Machine, crash_library  # noqa: F401  (a fixture)

# In the folder `at` lie the files `file` and `other` and the empty folder `folder`; `fd` is `file`, `other` the other.
CHANGES = {
    "write": "os.write(fd, b'new')",
    "pwrite": "os.pwrite(fd, b'new', 2)",
    "writev": "os.writev(fd, [b'n', b'ew'])",
    "copy_file_range": "os.copy_file_range(other, fd, 5)",
    "ftruncate": "os.ftruncate(fd, 1)",
    "rename": "os.rename(at + 'other', at + 'file')",
    "link": "os.link(at + 'file', at + 'linked')",
    "unlink": "os.unlink(at + 'file')",
    "mkdir": "os.mkdir(at + 'made')",
    "rmdir": "os.rmdir(at + 'folder')",
    "fsync": "os.fsync(fd)",
    "fdatasync": "os.fdatasync(fd)",
}
HARMLESS = {
    "read": "os.read(fd, 100)",
    "copy out": "os.copy_file_range(fd, os.open(at + '../outside', os.O_WRONLY), 5)",
    "write elsewhere": "os.write(os.open(at + '../outside', os.O_WRONLY), b'new')",
}
SCRIPT = """
import os, sys
at = sys.argv[1] + "/"
fd = os.open(at + "file", os.O_RDWR)
other = os.open(at + "other", os.O_RDONLY)
"""


@pytest.fixture
def machine(crash_library, tmp_path) -> Machine:  # noqa: F811
    root = tmp_path / "root"
    (root / "folder").mkdir(parents=True)
    (root / "file").write_text("old content")
    (root / "other").write_text("other")
    (tmp_path / "outside").write_text("outside")
    return Machine(crash_library, root, tmp_path / "state")


def run(machine: Machine, *actions: str) -> int:
    """The exit code of a process that does it all."""
    return subprocess.run([sys.executable, "-c", SCRIPT + "\n".join(actions), machine.root],
                          env=os.environ | machine.env).returncode


def content(root: pathlib.Path) -> dict[str, str | None]:
    return {path.name: path.read_text() if path.is_file() else None for path in root.iterdir()}


@pytest.mark.parametrize("action", CHANGES.values(), ids=CHANGES)
def test_a_change_is_one_step(machine, action):
    assert run(machine, action) == 0
    assert machine.steps() == 1


@pytest.mark.parametrize("action", CHANGES.values(), ids=CHANGES)
def test_nothing_happens_where_the_power_goes(machine, action):
    before = content(machine.root)
    machine.env["AIMASS_CRASH_AT"] = "1"
    assert run(machine, action) == -signal.SIGKILL
    assert content(machine.root) == before
    assert list((machine.state / "files").iterdir()) == [], "nor is anything durable"


@pytest.mark.parametrize("action", HARMLESS.values(), ids=HARMLESS)
def test_what_changes_nothing_in_the_folder_is_no_step(machine, action):
    assert run(machine, action) == 0
    assert machine.steps() == 0


def test_of_two_copies_the_synced_one_survives(machine, tmp_path):
    copy = "os.copy_file_range(other, fd, 3)"
    assert run(machine, copy, "os.fsync(fd)", "os.fsync(os.open(at, os.O_RDONLY))", copy) == 0
    assert machine.steps() == 4
    machine.surviving(tmp_path / "survived")
    assert content(tmp_path / "survived") == {"file": "oth content", "other": "", "folder": None}
