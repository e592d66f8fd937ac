#!/usr/bin/env python3
"""Resolves FOLDER/requirements.in into FOLDER/requirements.txt: every package with its version and SHA-256.

    scripts/pin_requirements.py [FOLDER]        FOLDER: tests (the default), bench

The resolution is for CPython 3.11 on x86-64 Linux, Debian 12's own Python.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent


def main() -> None:
    if sys.version_info[:2] != (3, 11):
        sys.exit(f"pin_requirements: expected Python 3.11, found {sys.version.split()[0]}")
    folder = sys.argv[1] if len(sys.argv) > 1 else "tests"
    wanted = ROOT / folder / "requirements.in"
    with tempfile.TemporaryDirectory() as scratch:
        report = pathlib.Path(scratch) / "report.json"
        venv = pathlib.Path(scratch) / "venv"
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        subprocess.run([str(venv / "bin" / "pip"), "install", "--quiet", "--dry-run", "--ignore-installed",
                        "--only-binary=:all:", "--report", str(report), "-r", str(wanted)], check=True)
        rows = []
        for item in json.loads(report.read_text())["install"]:
            name = item["metadata"]["name"].lower().replace("_", "-")
            digest = item["download_info"]["archive_info"]["hashes"]["sha256"]
            rows.append(f"{name}=={item['metadata']['version']} \\\n    --hash=sha256:{digest}\n")
    target = ROOT / folder / "requirements.txt"
    target.write_text(f"# Written by scripts/pin_requirements.py from {folder}/requirements.in.\n" + "".join(sorted(rows)))


if __name__ == "__main__":
    main()
