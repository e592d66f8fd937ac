#!/usr/bin/env python3
"""Writes THIRD_PARTY_NOTICES from deps/lock.json and deps/licences.json. `--check` only compares.

The full licence texts travel with every package: scripts/package.sh copies them beside the binary.
"""

import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = ROOT / "THIRD_PARTY_NOTICES"


def rows():
    lock = json.loads((ROOT / "deps/lock.json").read_text())
    table = json.loads((ROOT / "deps/licences.json").read_text())
    for part in lock["parts"] + lock["tools"]:
        about = table["fetched"][part["name"]]
        yield about["name"], part["version"], part["licence"], about["home"], about.get("use", "runs in the product")
    for package, about in table["debian"].items():
        yield about["name"], f"Debian 12: {package}", about["licence"], about["home"], about.get("use", "runs in the product")


def notices() -> str:
    lines = ["Third-party software that AI Mass uses", "=" * 38, "",
             "Written by scripts/notices.py from deps/lock.json and deps/licences.json.",
             "The full licence texts lie in the folder licences/ of every package.", ""]
    for name, version, licence, home, use in sorted(rows(), key=lambda row: row[0].lower()):
        lines += [name, f"  version  {version}", f"  licence  {licence}", f"  home     {home}", f"  use      {use}", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(0 if TARGET.exists() and TARGET.read_text() == notices() else 1)
    TARGET.write_text(notices())
