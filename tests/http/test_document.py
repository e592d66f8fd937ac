"""The contract describes the routes that there are, and each of them whole."""

import re
import subprocess

from harness import ROOT


def test_every_operation_has_what_a_reader_needs(client):
    document = client.get("/openapi.json").json()
    ids = set()
    for path, item in document["paths"].items():
        for method in item.keys() & {"get", "post", "put", "patch", "delete", "head", "options"}:
            op = item[method]
            where = f"{method} {path}"
            assert op["operationId"] not in ids, where
            ids.add(op["operationId"])
            assert op["summary"], where
            for name in re.findall(r"\{([^}]*)\}", path):
                parameters = [p for p in item.get("parameters", []) + op.get("parameters", [])]
                named = {resolve(document, p)["name"] for p in parameters if resolve(document, p)["in"] == "path"}
                assert name in named, where
            if path.startswith("/api/") and op.get("security") != [] and method not in ("head", "options"):
                assert "401" in op["responses"], where


def resolve(document, value):
    while "$ref" in value:
        target = document
        for part in value["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        value = target
    return value


def test_every_bound_route_is_described(client):
    document = client.get("/openapi.json").json()
    described = {(method.upper(), path) for path, item in document["paths"].items()
                 for method in item.keys() & {"get", "post", "put", "patch", "delete", "head", "options"}}
    found = subprocess.run(["grep", "-rhoE", r'router\.(Get|Post|Put|Patch|Delete|Head)\([^"]*"[^"]+"',
                            str(ROOT / "src" / "api"), "--include=*.cc", "--exclude=*_test.cc"],
                           capture_output=True, text=True, check=True).stdout
    bound = set()
    for line in found.splitlines():
        method = re.search(r"router\.(\w+)\(", line)[1].upper()
        bound.add((method, re.search(r'"([^"]+)"', line)[1]))
    assert bound
    missing = {route for route in bound if route not in described}
    assert not missing
