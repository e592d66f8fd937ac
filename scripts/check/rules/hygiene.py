"""No paths of one machine, no secrets, no third-party files.
"""

import re

from source import ROOT, read, repository_files

PATTERNS = (
    (re.compile(r"(?<![\w.$}])/(?:work|root|home/[a-z][\w-]*)/[\w.-]+"), "a path that every machine has"),
    (re.compile(r"-----BEGIN (?:RSA |EC |OPENSSH |ENCRYPTED )?PRIVATE KEY-----"), "no private key"),
    (re.compile(r"\bAKIA[0-9A-Z]{16}\b"), "no access key"),
    (re.compile(r"\b(?:ghp|gho|sk|glpat)[_-][A-Za-z0-9]{24,}\b"), "no access token"),
)
BINARY = (".png", ".jpg", ".ico", ".gz", ".xz", ".zst", ".zip", ".parquet", ".xlsx", ".ubj", ".woff2", ".tar")
LARGEST_BYTES = 1_000_000


def check():
    for path in repository_files():
        size = (ROOT / path).stat().st_size
        if size > LARGEST_BYTES:
            yield f"{path}:1: expected at most {LARGEST_BYTES} bytes in git, found {size}"
        if path.endswith(BINARY) or path == "scripts/check/rules/hygiene.py":
            continue
        for number, line in enumerate(read(path).splitlines(), 1):
            for pattern, expected in PATTERNS:
                if match := pattern.search(line):
                    yield f"{path}:{number}: expected {expected}, found {match[0][:40]}"
