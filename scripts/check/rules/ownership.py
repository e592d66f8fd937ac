"""No owning new or delete; headers begin with #pragma once.

`= delete`, placement new, operator definitions and a new that goes straight into a unique_ptr (a private constructor)
are fine. A library that takes ownership of what it is given is
named with the comment `// owned by …` on the same line.
"""

from source import code, cpp_files, read


def check():
    for path in cpp_files():
        lines = read(path).splitlines()
        found = code(path)
        for i, token in enumerate(found):
            if token.kind != "code" or token.text not in ("new", "delete"):
                continue
            before = found[i - 1].text if i else ""
            after = found[i + 1].text if i + 1 < len(found) else ""
            fine = before in ("=", "operator") if token.text == "delete" else before == "operator" or after == "("
            fine = fine or (token.text == "new" and "unique_ptr<" in lines[token.line - 1].split("new ")[0])
            if not fine and "// owned by" not in lines[token.line - 1]:
                yield f"{path}:{token.line}: expected unique_ptr or a value, found {token.text}"
        if path.endswith(".h") and "#pragma once" not in read(path):
            yield f"{path}:1: expected #pragma once, found none"
