"""Everything linked or fetched has an allowed licence, and THIRD_PARTY_NOTICES names it.

deps/licences.json holds the allow-list and one entry per library; deps/lock.json the fetched parts. Where a release
binary exists, each Debian library that it loads directly must come from a package with an entry.
"""

import json
import pathlib
import re
import subprocess
import sys

from source import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import notices  # noqa: E402

NOT_LIBRARIES = {"ca-certificates", "ccache", "cmake", "g++", "git", "make", "mold", "ninja-build", "pkg-config",
                 "python3", "python3-pip", "python3-venv"}
SYSTEM = {"libc6", "libgcc-s1", "libstdc++6"}  # GCC runtime library exception; glibc is LGPL


def check():
    table = json.loads((ROOT / "deps/licences.json").read_text())
    lock = json.loads((ROOT / "deps/lock.json").read_text())
    allowed = set(table["allowed"])
    for part in lock["parts"] + lock["tools"]:
        if part["licence"] not in allowed:
            yield f"deps/lock.json:1: {part['name']}: expected a licence of deps/licences.json, found {part['licence']}"
        if part["name"] not in table["fetched"]:
            yield f"deps/licences.json:1: expected an entry for the fetched part {part['name']}, found none"
            return
    for package, about in table["debian"].items():
        if about["licence"] not in allowed:
            yield f"deps/licences.json:1: {package}: expected one of \"allowed\", found {about['licence']}"
    listed = {line.split("#")[0].strip() for line in (ROOT / "deps/apt-build.txt").read_text().splitlines()} - {""}
    for package in sorted(listed - NOT_LIBRARIES - set(table["debian"])):
        yield f"deps/apt-build.txt:1: expected an entry for {package} in deps/licences.json, found none"
    for package in sorted(set(table["debian"]) - listed):
        yield f"deps/licences.json:1: expected {package} in deps/apt-build.txt, found none"
    if not notices.TARGET.exists() or notices.TARGET.read_text() != notices.notices():
        yield "THIRD_PARTY_NOTICES:1: expected what scripts/notices.py writes, found another text"
    yield from linked(table)


def linked(table: dict):
    binary = ROOT / "build" / "aimass"
    if not binary.exists():
        return
    listing = subprocess.run(["ldd", str(binary)], capture_output=True, text=True).stdout
    needed = set(re.findall(r"NEEDED\s+(\S+)", subprocess.run(["objdump", "-p", str(binary)], capture_output=True,
                                                              text=True).stdout))
    known = " ".join(table["debian"])
    for name, place in re.findall(r"^\s*(\S+) => (/\S+)", listing, re.MULTILINE):
        if name not in needed or place.startswith(str(ROOT)):
            continue
        owner = ""
        for candidate in (place, str(pathlib.Path(place).resolve()), place.removeprefix("/usr"), "/usr" + place):
            owner = subprocess.run(["dpkg", "-S", candidate], capture_output=True, text=True).stdout.split(":")[0]
            if owner:
                break
        stem = re.sub(r"[\d.-]*(t64|v5)?$", "", owner.removesuffix("-gnutls"))
        if owner not in SYSTEM and stem not in known and not any(stem.rstrip("0123456789.-") in p for p in table["debian"]):
            yield f"deps/licences.json:1: expected an entry for {owner} ({name}, loaded by build/aimass), found none"
