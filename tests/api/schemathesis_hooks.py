"""What schemathesis cannot know about our API."""

import json
import os
import random

import schemathesis
from schemathesis.core.parameters import ParameterLocation

FILLED = json.loads(os.environ.get("AIMASS_CONTRACT_FILLED", "{}"))

schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")


# The stream of events goes on until its reader leaves: here after a second.
@schemathesis.hook
def map_case(context, case):
    if case.operation.path == "/api/v1/events":
        query = dict(case.query or {})
        seconds = str(query.get("seconds", "1"))
        if seconds.isascii() and seconds.isdigit() and 1 <= int(seconds) <= 86400:
            case.query = query | {"seconds": 1}
    if "cursor" in (case.query or {}):
        case.query = with_a_cursor_that_a_list_gave(case.query, case.operation.path)
    ask_for_what_exists(case)
    return case


def with_a_cursor_that_a_list_gave(query, path):
    query = {name: value for name, value in query.items() if name != "cursor"}
    given = FILLED.get("cursors", {}).get(path)
    return query | {"cursor": given} if given else query


# Names that schemathesis makes up give 404. In every second request something that exists stands instead, so that
# the answers of success are compared with the contract too; except where that would take it away from the others.
CHANCE = random.Random(1)


def ask_for_what_exists(case):
    path, method = case.operation.path, case.operation.method.upper()
    if not FILLED or not case.path_parameters or method in ("DELETE", "PATCH") or path.endswith("/cancel"):
        return
    if CHANCE.random() < 0.5 or (case.meta is not None and case.meta.is_negative_at(ParameterLocation.PATH)):
        return
    known = FILLED | ({"id": FILLED["job"]} if path.startswith("/api/v1/jobs/") else {})
    parameters = dict(case.path_parameters)
    for name in parameters:
        if name in known:
            parameters[name] = known[name]
    case.path_parameters = parameters

