"""The status page, as it comes: what a browser has to show is tested in one, in
test_page_in_browser.py."""

import base64
import hashlib
import os
import re

import pytest

from observing import ON, ask, status_json

PAGE = os.path.join(os.path.dirname(__file__), "../../src/daemon/observe/page")
MOST = 20_000  # bytes


@pytest.fixture
def page(start):
    answer = ask(start(options=ON), "/")
    assert answer.status == 200 and answer.fields["Content-Type"] == "text/html; charset=utf-8"
    return answer


def policy_of(page):
    parts = page.fields["Content-Security-Policy"].split("; ")
    return {part.split(" ", 1)[0]: part.split(" ", 1)[1] for part in parts}


def hash_of(page, element):
    """What the policy has to have for an element, of which there is one."""
    (text,) = re.findall(rb"<%s>(.*?)</%s>" % (element, element), page.body, re.S)
    return f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'"


def source(name):
    with open(os.path.join(PAGE, name), encoding="utf-8") as file:
        return file.read()


def test_it_is_small_and_needs_nothing_else(page):
    assert len(page.body) <= MOST
    text = page.body.decode()
    assert not re.findall(r'\b(?:src|srcset)=|url\(|@import|\bimport\b|style="|\son\w+="', text)
    assert set(re.findall(r"https?:[^\"')\s]*", text)) == {"http://www.w3.org/2000/svg"}
    assert all(target.startswith("data:") or target in ("metrics", "status.json", "readyz", "healthz")
               for target in re.findall(r'href="([^"]*)"', text))


def test_all_that_it_was_made_of_is_in_it(page):
    """But for indents and lines of comment."""
    lines = page.body.decode().replace("<style>", "\n").replace("<script>", "\n").split("\n")
    for name in "page.html", "page.css", "page.js":
        for line in source(name).splitlines():
            line = line.strip()
            if line and not line.startswith("// ") and '="page.' not in line:
                assert any(line in there for there in lines), line


def test_a_browser_may_run_this_script_alone(page):
    policy = policy_of(page)
    assert policy == {
        "default-src": "'none'", "script-src": hash_of(page, b"script"),
        "style-src": hash_of(page, b"style"), "connect-src": "'self'", "img-src": "data:",
        "base-uri": "'none'", "form-action": "'none'", "frame-ancestors": "'none'",
    }
    assert page.fields["X-Content-Type-Options"] == "nosniff"
    assert page.fields["Cache-Control"] == "no-store"


def test_what_is_told_is_only_ever_set_as_text():
    """The names of listeners, hosts and files are others' words."""
    script = source("page.js")
    assert not re.findall(r"inner|outerHTML|insertAdjacent|document\.write|eval|Function\(|"
                          r"setAttribute\(\"(?:on|href|src|style)", script.replace("innerText", ""))


def test_only_the_page_has_a_policy(start):
    daemon = start(options=ON)
    for path in "/healthz", "/status.json", "/metrics", "/nothing":
        assert "Content-Security-Policy" not in ask(daemon, path).fields


def test_the_status_has_what_the_page_shows_of_workers_and_of_the_process(start):
    told = status_json(start(options=ON))
    for worker in told["workers"]:
        assert worker["blocked_connections"] == worker["blocked_bytes"] == 0
        assert 0 <= worker["heartbeat_age_seconds"] < 10 and worker["cpu_seconds"] >= 0
    process = told["process"]
    assert 0 < process["cpu_seconds"] < 60 and process["resident_memory_bytes"] > 1_000_000
    assert 0 < process["open_fds"] < process["max_fds"]
