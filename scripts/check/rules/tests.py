"""Every pytest file has a name of its own: pytest imports them by it, and stops at the second.
"""

import pathlib

from source import repository_files


def check():
    seen: dict[str, str] = {}
    for path in repository_files():
        name = pathlib.PurePosixPath(path).name
        if not (path.startswith("tests/") and name.startswith("test_") and name.endswith(".py")):
            continue
        first = seen.setdefault(name, path)
        if first != path:
            yield f"{path}:1: expected a name that no other test file has, found {first} too"
