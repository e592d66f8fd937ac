"""api/openapi.yaml holds exactly the routes of src/api, and only adds to what was released.

Routes are the `router.Get("/path", …)` calls. Paths of other protocols (files in src/api/protocols) are left out, and
so are OPTIONS and HEAD. A released document lies in api/released/; what it has may not vanish, become required, or
change its type.
"""

import re

import yaml

from source import ROOT, code, cpp_files, repository_files

DOCUMENT = "api/openapi.yaml"
METHODS = {"Get", "Post", "Patch", "Put", "Delete"}
SCALARS = {"string", "number", "integer", "boolean"}


def registered():
    """{(method, path): "file:line"}"""
    routes = {}
    for path in cpp_files(tests=False):
        if not path.startswith("src/api/") or path.startswith("src/api/protocols/"):
            continue
        found = code(path)
        for i in range(2, len(found) - 2):
            method, text = found[i], found[i + 2]
            if (method.kind == "code" and method.text in METHODS and found[i - 1].text in (".", ">")
                    and found[i + 1].text == "(" and text.kind == "string" and text.text.startswith("/")):
                routes[method.text.lower(), text.text] = f"{path}:{text.line}"
    return routes


def documented(document: dict):
    return {(method, path) for path, item in (document.get("paths") or {}).items() for method in item
            if method in {m.lower() for m in METHODS}}


def unnamed(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


def line_of(text: str, needle: str) -> int:
    at = text.find(needle)
    return text.count("\n", 0, at) + 1 if at >= 0 else 1


def scalar_unions(node, where: str):
    if isinstance(node, dict):
        for choice in ("oneOf", "anyOf"):
            options = node.get(choice)
            if isinstance(options, list) and any(isinstance(o, dict) and o.get("type") in SCALARS for o in options):
                yield f"{where}/{choice}"
        for key, value in node.items():
            yield from scalar_unions(value, f"{where}/{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from scalar_unions(value, f"{where}/{index}")


def removed(old, new, where: str):
    """What the released document has and the new one has not, or has otherwise."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key, value in old.items():
            if key in ("description", "summary", "example", "examples", "info", "tags", "required", "servers"):
                continue
            if key not in new:
                yield f"{where}/{key}", "the released entry", "none"
            else:
                yield from removed(value, new[key], f"{where}/{key}")
        added = set(_names(new.get("required"))) - set(_names(old.get("required")))
        if added:
            yield f"{where}/required", "no new required field", str(sorted(added))
    elif isinstance(old, list) and isinstance(new, list):
        missing = [v for v in old if v not in new and not isinstance(v, (dict, list))]
        if missing:
            yield where, f"{missing} as released", str(new)
    elif type(old) is not type(new) or (isinstance(old, str) and old != new and where.endswith(("/type", "/$ref", "/format"))):
        yield where, repr(old), repr(new)


def _names(value):
    return value if isinstance(value, list) else []


def check():
    routes = registered()
    if not (ROOT / DOCUMENT).exists():
        if routes:
            yield f"{DOCUMENT}:1: expected the document of {len(routes)} routes, found no file"
        return
    text = (ROOT / DOCUMENT).read_text(encoding="utf-8")
    document = yaml.safe_load(text)
    known = documented(document)
    by_shape = {(method, unnamed(path)): path for method, path in known}
    for (method, path), place in sorted(routes.items()):
        other = by_shape.get((method, unnamed(path)))
        if other is None:
            yield f"{place}: expected {method.upper()} {path} in {DOCUMENT}, found none"
        elif other != path:
            yield f"{place}: expected the parameter names of {DOCUMENT}, {other}, found {path}"
    shapes = {(method, unnamed(path)) for method, path in routes}
    for method, path in sorted(known):
        if (method, unnamed(path)) not in shapes:
            yield f"{DOCUMENT}:{line_of(text, f'{path}:')}: expected a route for {method.upper()} {path} in src/api, found none"
    for where in scalar_unions(document, ""):
        yield f"{DOCUMENT}:1: expected no union of scalars (client generators break on it; use {{}}), found {where}"
    seen = {}
    for path, item in (document.get("paths") or {}).items():
        for method, operation in item.items():
            if isinstance(operation, dict) and "responses" in operation:
                name = operation.get("operationId")
                if not name or name in seen:
                    yield (f"{DOCUMENT}:{line_of(text, f'{path}:')}: expected an operationId of its own for "
                           f"{method.upper()} {path}, found {name!r}{' of ' + seen[name] if name in seen else ''}")
                seen[name] = f"{method.upper()} {path}"
    for path in repository_files():
        if path.startswith("api/released/") and path.endswith((".yaml", ".yml")):
            released = yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))
            for where, expected, found in removed(released, document, ""):
                yield f"{DOCUMENT}:1: {where}: expected {expected} ({path}), found {found}"
