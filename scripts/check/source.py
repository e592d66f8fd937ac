"""What the rules share: the repository's files, and a small reader of C++ text."""

import dataclasses
import functools
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TEST_FILE = re.compile(r"(_test|_testing|_fake)\.(cc|h)$|/testing/")


@functools.cache
def repository_files() -> tuple[str, ...]:
    """Paths, relative to the root, of every file that git tracks or would track."""
    text = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, check=True,
                          capture_output=True, text=True).stdout
    return tuple(sorted(p for p in text.split("\0") if p and (ROOT / p).is_file()))


def cpp_files(tests: bool = True) -> list[str]:
    return [p for p in repository_files() if p.startswith("src/") and p.endswith((".cc", ".h"))
            and (tests or not TEST_FILE.search(p))]


@functools.cache
def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


@dataclasses.dataclass(frozen=True)
class Token:
    kind: str  # "string", "comment", "code"
    text: str  # a string's value, a comment's or code's text
    line: int


_TOKEN = re.compile(r'''
    (?P<comment>//[^\n]*|/\*.*?\*/)
  | (?P<raw>(?:u8|L|u|U)?R"(?P<mark>[^()\\\s]{0,16})\((?P<body>.*?)\)(?P=mark)")
  | (?P<string>(?:u8|L|u|U)?"(?P<value>(?:[^"\\\n]|\\.)*)")
  | (?P<char>'(?:[^'\\\n]|\\.)+')
  | (?P<number>\b\d[\w']*)
  | (?P<word>[A-Za-z_]\w*)
  | (?P<space>\s+)
  | (?P<other>.)
''', re.VERBOSE | re.DOTALL)
_ESCAPE = re.compile(r'\\(x[0-9a-fA-F]+|[0-7]{1,3}|u[0-9a-fA-F]{4}|.)', re.DOTALL)
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


def _unescape(match: re.Match) -> str:
    code = match[1]
    if code[0] == "x":
        return chr(int(code[1:], 16))
    if code[0] == "u" and len(code) == 5:
        return chr(int(code[1:], 16))
    return _SIMPLE.get(code, code)


@functools.cache
def tokens(path: str) -> tuple[Token, ...]:
    """The file as tokens: comments, strings with their value, and code word by word; spaces are left out."""
    result = []
    line = 1
    for match in _TOKEN.finditer(read(path)):
        text = match[0]
        if match["comment"]:
            result.append(Token("comment", text, line))
        elif match["raw"]:
            result.append(Token("string", match["body"], line))
        elif match["string"]:
            result.append(Token("string", _ESCAPE.sub(_unescape, match["value"]), line))
        elif not match["space"]:
            result.append(Token("code", text, line))
        line += text.count("\n")
    return tuple(result)


@functools.cache
def code(path: str) -> tuple[Token, ...]:
    """tokens() without comments, with adjacent strings joined."""
    result: list[Token] = []
    for token in tokens(path):
        if token.kind == "comment":
            continue
        if token.kind == "string" and result and result[-1].kind == "string":
            result[-1] = Token("string", result[-1].text + token.text, result[-1].line)
        else:
            result.append(token)
    return tuple(result)
