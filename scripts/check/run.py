#!/usr/bin/env python3
"""Runs every rule in scripts/check/rules/, or those named, and prints what they found as file:line: text.

    run.py [--list] [rule…]

A rule is a module with a docstring (its first line is its title) and `check() -> Iterable[str]`. A rule may define
`note() -> list[str]` for lines that are worth a look but fail nothing.
"""

import importlib
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True


def main() -> int:
    rules = sorted(path.stem for path in (HERE / "rules").glob("*.py"))
    wanted = sys.argv[1:]
    if wanted == ["--list"]:
        for rule in rules:
            print(f"{rule:14} {importlib.import_module(f'rules.{rule}').__doc__.splitlines()[0]}")
        return 0
    unknown = sorted(set(wanted) - set(rules))
    if unknown:
        print(f"no rule {unknown}; there are: {' '.join(rules)}", file=sys.stderr)
        return 2
    failed = 0
    for rule in wanted or rules:
        module = importlib.import_module(f"rules.{rule}")
        started = time.monotonic()
        findings = list(module.check())
        state = f"{len(findings)} found" if findings else "ok"
        print(f"-- {rule:14} {state:10} {time.monotonic() - started:6.2f} s   {module.__doc__.splitlines()[0]}")
        for line in findings:
            print(line)
        for line in getattr(module, "note", list)():
            print(f"   note: {line}")
        failed += bool(findings)
    print(f"check: {failed} of {len(wanted or rules)} rules failed" if failed else "check: passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
