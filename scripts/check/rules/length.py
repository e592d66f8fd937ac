"""A file of more than 800 lines says why.

One comment line `Long because: reason` is enough. Files of more than 500 lines are listed.
"""

from source import read, repository_files

SECOND_LOOK = 500
LIMIT = 800
KINDS = (".cc", ".h", ".py", ".ts", ".tsx", ".sh", ".cmake")


def lengths():
    for path in repository_files():
        if path.endswith(KINDS):
            count = read(path).count("\n")
            if count > SECOND_LOOK:
                yield path, count


def check():
    for path, count in lengths():
        if count > LIMIT and "Long because:" not in read(path):
            yield f"{path}:{LIMIT}: expected at most {LIMIT} lines or a line 'Long because: …', found {count}"


def note() -> list[str]:
    return [f"{path} has {count} lines" for path, count in lengths()]
