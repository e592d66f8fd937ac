"""Every text for people has its 中文, and every 中文 is used.

A text is the literal in Fail(ErrorCode::…, "…"), Msg("…"), Message("…"), Message{"…"} or Word{"…"} outside tests. Its 中文 stands
in a zh.json of the module (or of the plug-in's folder). Both have the same number of {}. Labels name both languages.
"""

import json
import re

from source import ROOT, code, cpp_files, repository_files

PLACEHOLDER = re.compile(r"\{\}")
CALLS = {"Msg", "Message", "Fail", "Word"}


def placeholders(text: str) -> int:
    return len(PLACEHOLDER.findall(text.replace("{{", "").replace("}}", "")))


def texts_in(path: str):
    """(line, text) of each text for people in the file."""
    found = code(path)
    for i, token in enumerate(found):
        if token.kind != "code" or token.text not in CALLS or i + 1 >= len(found):
            continue
        if found[i + 1].text not in ("(", "{"):
            continue
        at = i + 2
        if token.text == "Fail":  # its first argument is the code: skip to the comma at this depth
            depth = 0
            while at < len(found) and not (found[at].text == "," and found[at].kind == "code" and depth == 0):
                if found[at].kind == "code":
                    depth += {"(": 1, "{": 1, ")": -1, "}": -1}.get(found[at].text, 0)
                at += 1
                if depth < 0:
                    break
            at += 1
        if at < len(found) and found[at].kind == "string":
            yield found[at].line, found[at].text


def labels_in(path: str):
    """(line, en, zh or None) of each `.label = {"…", "…"}` and Label{"…", "…"}."""
    found = code(path)
    for i, token in enumerate(found):
        if token.kind != "code":
            continue
        if token.text == "label" and [t.text for t in found[i + 1:i + 3]] == ["=", "{"]:
            at = i + 3
        elif token.text == "Label" and i + 1 < len(found) and found[i + 1].text == "{":
            at = i + 2
        else:
            continue
        if at < len(found) and found[at].kind == "string":
            second = found[at + 2] if found[at + 1].text == "," and at + 2 < len(found) else None
            yield found[at].line, found[at].text, second.text if second and second.kind == "string" else None


def check():
    chinese: dict[str, tuple[str, str]] = {}
    for path in (p for p in repository_files() if p.startswith("src/") and p.endswith("zh.json")):
        try:
            table = json.loads((ROOT / path).read_text(encoding="utf-8"))
        except ValueError as error:
            yield f"{path}:1: expected a JSON object of texts, found {error}"
            continue
        for english, text in table.items():
            if english in chinese and chinese[english][0] != text:
                yield f"{path}:1: {english!r} is {text!r} here and {chinese[english][0]!r} in {chinese[english][1]}"
            chinese[english] = (text, path)
            if placeholders(english) != placeholders(text):
                yield (f"{path}:1: expected {placeholders(english)} {{}} in the 中文 of {english!r}, "
                       f"found {placeholders(text)} in {text!r}")

    literals: set[str] = set()
    for path in cpp_files(tests=False):
        literals.update(token.text for token in code(path) if token.kind == "string")
        for line, text in texts_in(path):
            if text and text not in chinese and re.search(r"[A-Za-z]", PLACEHOLDER.sub("", text)):
                yield f"{path}:{line}: expected a 中文 text in src/{path.split('/')[1]}/zh.json, found none for {text!r}"
        for line, english, text in labels_in(path):
            if english and not text:
                yield f"{path}:{line}: expected a label in both languages, found only {english!r}"
    for english, (_, path) in chinese.items():
        if english not in literals:
            yield f"{path}:1: expected a use in src/, found none of {english!r}"
