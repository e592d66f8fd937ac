"""Every page for people exists in English and in 中文, and its links lead somewhere.
"""

import re

from source import ROOT, read, repository_files

LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)")


def check():
    files = set(repository_files())
    for path in files:
        if path.startswith("docs/en/") and (twin := "docs/zh/" + path[len("docs/en/"):]) not in files:
            yield f"{path}:1: expected its 中文 page {twin}, found none"
        if path.startswith("docs/zh/") and (twin := "docs/en/" + path[len("docs/zh/"):]) not in files:
            yield f"{path}:1: expected its English page {twin}, found none"
        name = path.rsplit("/", 1)[-1]
        folder = path[:-len(name)]
        if name == "README.md" and (folder == "" or folder.startswith("solutions/")) and folder + "README.zh.md" not in files:
            yield f"{path}:1: expected {folder}README.zh.md, found none"
        if name == "README.zh.md" and folder + "README.md" not in files:
            yield f"{path}:1: expected {folder}README.md, found none"
        if path.endswith(".md"):
            for number, line in enumerate(read(path).splitlines(), 1):
                for target in LINK.findall(line):
                    if not (ROOT / folder / target).exists():
                        yield f"{path}:{number}: expected a file at {target}, found none"
