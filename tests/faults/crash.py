"""Ends a server and its jobs at an exact step of their writing, by SIGKILL or like a power cut (see crash.c)."""

import os
import pathlib
import shutil
import struct
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
FAR = 1_000_000_000  # a step that nobody reaches

_KEEP_ALL = """
import os, sys
for folder, folders, files in os.walk(sys.argv[1]):
    for name in [*files, ""]:
        path = os.path.join(folder, name)
        if os.path.islink(path):
            continue
        fd = os.open(path, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)
"""


def build_library(folder: pathlib.Path) -> pathlib.Path:
    library = folder / "crash.so"
    subprocess.run(["gcc", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", library, HERE / "crash.c",
                    "-ldl"], check=True)
    return library


class Machine:
    """A folder on a machine that can lose its power: what happens below `root` is counted and can be cut off."""

    def __init__(self, library: pathlib.Path, root: pathlib.Path, state: pathlib.Path):
        self.root = root.resolve()
        self.state = state
        for name in ("files", "folders"):
            (state / name).mkdir(parents=True)
        self.env = {"LD_PRELOAD": str(library), "AIMASS_CRASH_DATA": str(self.root),
                    "AIMASS_CRASH_STATE": str(state), "AIMASS_CRASH_AT": str(FAR)}

    def keep_all(self) -> None:
        """What lies there now is durable."""
        subprocess.run([sys.executable, "-c", _KEEP_ALL, self.root], check=True, env=os.environ | self.env)

    def steps(self) -> int:
        return struct.unpack("<q", (self.state / "steps").read_bytes())[0]

    def arm(self, steps: int) -> None:
        """The end comes `steps` steps from now."""
        with (self.state / "steps").open("r+b") as file:  # in place: every process has it mapped
            file.write(struct.pack("<q", FAR - steps))

    def ended(self) -> bool:
        return self.steps() >= FAR

    def surviving(self, target: pathlib.Path) -> None:
        """Puts together, as the new folder `target`, what a power cut has left of `root`."""
        self._folder((self.state / "root").read_text().strip(), target)

    def _folder(self, key: str, target: pathlib.Path) -> None:
        target.mkdir()
        listing = self.state / "folders" / key
        if not listing.exists():
            return  # made, but its content was never synced
        for line in listing.read_text().splitlines():
            kind, child, name = line.split(" ", 2)
            if kind == "d":
                self._folder(child, target / name)
                continue
            content = self.state / "files" / child
            if content.exists():
                shutil.copyfile(content, target / name)
            else:
                (target / name).touch()  # its name was synced, its content never


@pytest.fixture(scope="session")
def crash_library(tmp_path_factory) -> pathlib.Path:
    return build_library(tmp_path_factory.mktemp("crash"))
