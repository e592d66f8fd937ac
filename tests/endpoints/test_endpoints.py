"""Endpoints: routes by weight, swaps without a gap, answers, and what is wrong with a request."""

import threading
import time

import httpx
import pytest

from serving import add_version, probability, train

ROW = {"age": 44, "spend": 120.5, "visits": 4}


@pytest.fixture(scope="module")
def boosters(client):
    """Versions 1 and 2 of the model "buyers"."""
    made = [train(1), train(2)]
    assert [add_version(client, "buyers", booster) for booster in made] == [1, 2]
    return made


@pytest.fixture
def endpoint(client, boosters):
    answer = client.post("/api/v1/endpoints", json={"name": "buy", "routes": [{"model": "buyers", "version": 1}]})
    assert answer.status_code == 201, answer.text
    yield "/api/v1/endpoints/buy"
    client.delete("/api/v1/endpoints/buy")


def test_life_of_an_endpoint(client, endpoint):
    found = client.get(endpoint).json()
    assert found["routes"] == [{"model": "buyers", "version": "1", "weight": 100}]
    assert [item["name"] for item in client.get("/api/v1/endpoints").json()["items"]] == ["buy"]
    again = client.post("/api/v1/endpoints", json={"name": "BUY", "routes": [{"model": "buyers"}]})
    assert again.status_code == 409
    assert client.patch(endpoint, json={"name": "买"}).json()["name"] == "买"
    assert client.get(endpoint).status_code == 404
    assert client.post(endpoint + "/predict", json={"rows": [ROW]}).status_code == 404
    assert client.post("/api/v1/endpoints/买/predict", json={"rows": [ROW]}).status_code == 200
    assert client.delete("/api/v1/endpoints/买").status_code == 204
    assert client.delete("/api/v1/endpoints/买").status_code == 404


def test_answers_as_the_library_does(client, endpoint, boosters):
    rows = [ROW, {"age": 20, "spend": None, "visits": 0}, {"age": "70", "spend": "1,000", "visits": "9"}]
    answer = client.post(endpoint + "/predict", json={"rows": rows}).json()
    assert (answer["model"], answer["version"], answer["warnings"]) == ("buyers", 1, [])
    plain = [ROW, {"age": 20, "visits": 0}, {"age": 70, "spend": 1000, "visits": 9}]
    expected = probability(boosters[0], plain)
    for prediction, p in zip(answer["predictions"], expected, strict=True):
        assert prediction["probabilities"]["1"] == pytest.approx(p, abs=1e-6)
        assert sum(prediction["probabilities"].values()) == pytest.approx(1)
        assert prediction["label"] == ("1" if p > .5 else "0")


def test_many_rows_give_what_one_row_gives(client, endpoint, boosters):
    rows = [{"age": 18 + i % 60, "spend": i * 1.5, "visits": i % 7} for i in range(500)]
    answer = client.post(endpoint + "/predict", json={"rows": rows}).json()["predictions"]
    assert [p["probabilities"]["1"] for p in answer] == pytest.approx(list(probability(boosters[0], rows)), abs=1e-6)
    assert client.post(endpoint + "/predict", json={"rows": rows[7:8]}).json()["predictions"] == answer[7:8]


def test_missing_and_unknown_columns_are_named(client, endpoint, boosters):
    answer = client.post(endpoint + "/predict", json={"rows": [{"age": 44, "colour": "red", "size": 3}]}).json()
    text = " ".join(answer["warnings"])
    assert all(name in text for name in ("spend", "visits", "colour", "size")) and "age" not in text
    assert answer["predictions"][0]["probabilities"]["1"] == pytest.approx(
        probability(boosters[0], [{"age": 44}])[0], abs=1e-6)
    chinese = client.post(endpoint + "/predict", json={"rows": [{"age": 44}]}, headers={"Accept-Language": "zh"})
    assert "缺少" in chinese.json()["warnings"][0]


@pytest.mark.parametrize("body, status, part", [
    ({"rows": [ROW, {"age": "old"}]}, 422, "row 1: column 'age' must be a number, got \"old\""),
    ({"rows": [{"age": [1]}]}, 422, "column 'age'"),
    ({"rows": [{"age": {"a": 1}}]}, 422, "column 'age'"),
    ({"rows": [3]}, 422, "row 0"),
    ({"rows": [ROW, {"aeg": 3, "colour": "red"}]}, 422,
     "row 1 has none of the model's columns, but: aeg, colour; the model looks at: age, spend, visits"),
    ({"rows": [{"aeg": 3}]}, 422, "write 'age' instead of 'aeg'"),
    ({"rows": [{}]}, 422, "row 0 is empty"),
    ({"rows": []}, 422, "rows"),
    ({"rows": ROW}, 400, "rows"),
    ({}, 400, "rows"),
    ([], 400, "object"),
    ({"rows": [ROW], "explian": True}, 422, "explain"),
    ({"rows": [ROW], "explain": "yes"}, 400, "explain"),
    ({"rows": [{}] * 10_001}, 413, "10000"),
])
def test_wrong_requests_are_refused_in_words(client, endpoint, body, status, part):
    answer = client.post(endpoint + "/predict", json=body)
    problem = answer.json()
    assert answer.status_code == status, answer.text
    assert part in problem["detail"] + problem.get("hint", "")


def test_explanations_add_up(client, endpoint, boosters):
    answer = client.post(endpoint + "/predict", json={"rows": [ROW, {"age": 30}], "explain": True}).json()
    for prediction in answer["predictions"]:
        why = prediction["explanation"]
        assert why["output"] == "1"
        assert why["base"] + sum(c["contribution"] for c in why["contributions"]) == pytest.approx(why["margin"])
        assert {c["column"] for c in why["contributions"]} == {"age", "spend", "visits"}
    values = {c["column"]: c["value"] for c in answer["predictions"][0]["explanation"]["contributions"]}
    assert values == ROW


def test_weights_share_requests_and_a_key_stays(client, endpoint):
    routes = [{"model": "buyers", "version": 1, "weight": 75}, {"model": "buyers", "version": 2, "weight": 25}]
    assert client.patch(endpoint, json={"routes": routes}).status_code == 200
    ask = lambda **headers: client.post(endpoint + "/predict", json={"rows": [ROW]}, headers=headers).json()["version"]
    by_chance = [ask() for _ in range(400)]
    assert 55 < by_chance.count(2) < 155
    by_key = {f"customer {i}": ask(**{"X-Route-Key": f"customer {i}"}) for i in range(200)}
    assert 20 < list(by_key.values()).count(2) < 90
    assert all(ask(**{"X-Route-Key": key}) == version for key, version in by_key.items())


@pytest.mark.parametrize("routes, status", [
    ([], 422), ([{"model": "nobody"}], 404), ([{"model": "buyers", "version": "9"}], 404),
    ([{"model": "buyers", "weight": -1}], 422), ([{"model": "buyers", "weight": 0}], 422),
    ([{"model": "buyers", "share": 1}], 422), ([{"model": 3}], 400), ("buyers", 400), (None, 400),
    ([{"model": "buyers"}] * 33, 422),
])
def test_wrong_routes_are_refused(client, boosters, routes, status):
    answer = client.post("/api/v1/endpoints", json={"name": "wrong", "routes": routes})
    assert answer.status_code == status, answer.text
    assert client.get("/api/v1/endpoints/wrong").status_code == 404


def test_an_alias_is_followed_at_once(client, endpoint, boosters):
    assert client.patch(endpoint, json={"routes": [{"model": "buyers"}]}).status_code == 200
    for version in (2, 1, 2):
        client.put("/api/v1/models/buyers/aliases/champion", json={"version": version}).raise_for_status()
        answer = client.post(endpoint + "/predict", json={"rows": [ROW]}).json()
        assert answer["version"] == version
        assert client.post("/api/v1/models/buyers/predict", json={"rows": [ROW]}).json() == answer
        assert answer["predictions"][0]["probabilities"]["1"] == pytest.approx(
            probability(boosters[version - 1], [ROW])[0], abs=1e-6)


def test_what_is_routed_cannot_be_deleted(client, endpoint):
    assert "'buy'" in client.delete("/api/v1/models/buyers").json()["detail"]
    assert client.delete("/api/v1/models/buyers/versions/1").status_code == 409


def test_a_swap_loses_no_request(client, server, endpoint, boosters):
    expected = {version: probability(boosters[version - 1], [ROW])[0] for version in (1, 2)}
    done, wrong, seen = threading.Event(), [], set()

    def keep_asking():
        with server.client() as own:
            while not done.is_set():
                answer = own.post(endpoint + "/predict", json={"rows": [ROW]})
                if answer.status_code != 200:
                    wrong.append(answer.text)
                    return
                body = answer.json()
                seen.add(body["version"])
                if abs(body["predictions"][0]["probabilities"]["1"] - expected[body["version"]]) > 1e-6:
                    wrong.append(answer.text)

    threads = [threading.Thread(target=keep_asking) for _ in range(4)]
    for thread in threads:
        thread.start()
    for i in range(30):
        answer = client.patch(endpoint, json={"routes": [{"model": "buyers", "version": 1 + i % 2}]})
        assert answer.status_code == 200
        assert client.post(endpoint + "/predict", json={"rows": [ROW]}).json()["version"] == 1 + i % 2
        time.sleep(.02)
    done.set()
    for thread in threads:
        thread.join()
    assert not wrong and seen == {1, 2}


def test_by_model_and_version(client, boosters):
    for version in ("1", "2", "champion"):
        assert client.post("/api/v1/models/buyers/predict", params={"version": version},
                           json={"rows": [ROW]}).status_code == 200
    assert client.post("/api/v1/models/buyers/predict", params={"version": "7"},
                       json={"rows": [ROW]}).status_code == 404
    assert client.post("/api/v1/models/nobody/predict", json={"rows": [ROW]}).status_code == 404


def test_a_changed_model_file_is_refused_and_a_restart_serves_again(start_server, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    server = start_server(data)
    with server.client() as client:
        booster = train(3)
        add_version(client, "m", booster)
        assert client.post("/api/v1/endpoints", json={"name": "e", "routes": [{"model": "m"}]}).status_code == 201
    assert server.stop() == 0
    server = start_server(data)
    with server.client() as client:
        answer = client.post("/api/v1/endpoints/e/predict", json={"rows": [ROW]})
        assert answer.json()["predictions"][0]["probabilities"]["1"] == pytest.approx(
            probability(booster, [ROW])[0], abs=1e-6)
    server.stop()
    (member,) = data.glob("workspaces/*/models/*/1/member-0.ubj")
    member.chmod(0o644)
    content = bytearray(member.read_bytes())
    at = content.find(b"split_conditions") + 40
    content[at] ^= 0x40
    member.write_bytes(content)
    server = start_server(data)
    with server.client() as client:
        answer = client.post("/api/v1/endpoints/e/predict", json={"rows": [ROW]})
        assert answer.status_code == 422 and "member-0.ubj" in answer.json()["detail"]
        assert httpx.get(server.address + "/readyz").status_code == 200
    server.stop()
