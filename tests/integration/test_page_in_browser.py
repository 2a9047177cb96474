"""The status page, in a browser: headless Chromium.

With a folder in PICTURES the tests leave there what they saw; README has the two that are called
"status".
"""

import os
import time

import pytest

import browser
import observing
import peers
import statuses
from echod import listener
from observing import ON
from patience import PATIENCE, SLOWNESS, eventually, within

UNKNOWN = "–"
TILES = "#tiles .tile:nth-child({}) "
OPEN, ECHOED, NEW, UNSERVED = (TILES.format(i) for i in range(1, 5))

# The contrast of each text with what is behind it, the least first (WCAG 2, 1.4.3).
CONTRASTS = """
const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
const linear = (part) => (part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
const behind = (element) => {
	for (; element; element = element.parentElement) {
		const colour = numbers(getComputedStyle(element).backgroundColor);
		if (colour.length < 4 || colour[3] > 0)
			return colour;
	}
};
const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
const found = [];
for (const element of document.querySelectorAll("body *")) {
	const styles = [];
	if ([...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
		styles.push(getComputedStyle(element));
	if (element.dataset.label && getComputedStyle(element, "::before").content !== "none")
		styles.push(getComputedStyle(element, "::before"));
	if (element.checkVisibility() && element.localName !== "script")
		for (const style of styles)
			found.push([ratio(light(numbers(style.color)), light(behind(element))), element.textContent]);
}
return found.sort((a, b) => a[0] - b[0]);
"""

# What reaches beyond the window, or the card that it is in.
TOO_WIDE = """
const text = new Range();
return [...document.querySelectorAll("html, body *")].filter((element) => {
	const box = element.getBoundingClientRect();
	const card = element.closest("section :not(.tile)")?.closest("section, .tile");
	const right = card ? card.getBoundingClientRect().right - 12 : innerWidth;
	text.selectNodeContents(element);
	const reach = element.textContent ? text.getBoundingClientRect().right : 0;
	return element.checkVisibility() && (box.left < -0.5 || element.scrollWidth > innerWidth ||
		Math.max(box.right, reach) > right + 0.5);
}).map((element) => `${element.localName}: ${element.textContent.slice(0, 60)}`);
"""


@pytest.fixture(scope="module")
def chromium():
    try:
        made = browser.Browser()
    except browser.Unavailable as why:
        pytest.skip(str(why))
    yield made
    made.end()


@pytest.fixture
def sight(chromium):
    """The browser; the page may not say anything in its console."""
    chromium.said()
    chromium.asked()
    yield chromium
    chromium.go("about:blank")


@pytest.fixture
def stage(start):
    made = statuses.Stage(start(options=ON))
    yield made
    made.end()


def address_of(daemon):
    return f"http://127.0.0.1:{daemon.port('observe')}/"


def wait_text(sight, selector, text, timeout=PATIENCE):
    eventually(lambda: sight.text(selector) == text, f"{selector} is {text!r}", timeout)


def ask_anew(sight):
    """The page does not wait for its time."""
    sight.run("document.dispatchEvent(new Event('visibilitychange'))")


def counting(told):
    """It goes on to count, from now on."""
    begun = time.monotonic()
    return lambda: statuses.later(told, time.monotonic() - begun)


def show(sight, stage, told):
    stage.told = told
    sight.go(stage.address)
    eventually(lambda: sight.text("#state") != "asking", "there is an answer")


# --- what it looks like ----------------------------------------------------------------------------


def with_problems(told, state, *problems, **more):
    return {**told, "state": state, "problems": list(problems), **more}


def failed_reload():
    fault = ("/etc/echod.conf:12: listen 'echo-tls': certificate: /etc/ssl/certs/echo.pem: "
             "the certificate does not belong to the key /etc/ssl/private/echo.key")
    return with_problems(statuses.traffic(), "serving", f"the last reload failed: {fault}")


def drain():
    return with_problems(statuses.traffic(), "draining", drain_seconds_left=17)


def all_taken():
    told = with_problems(statuses.traffic(), "not serving", "worker-1 hangs",
                         "10000 connections open, the limit is 10000",
                         "tcp://*:7 (echo-tcp) accepts no connections: they wait")
    told["totals"]["connections_open"] = told["history"]["open"][-1] = 10000
    told["listeners"][0]["accepting"] = False
    told["workers"][1].update(hangs=True, heartbeat_age_seconds=63.2)
    return told


def fifty_listeners():
    told = statuses.traffic()
    first = told["listeners"][0]
    told["listeners"] = [{**first, "name": f"echo-{i}", "uris": [f"tcp://192.0.2.{i}:7"],
                          "sent_bytes": first["sent_bytes"] // i} for i in range(1, 51)]
    return told


def long_names():
    told = failed_reload()
    told["problems"].append("the last reload failed: " + "/a-folder" * 50)
    told["host"] = "host" * 16
    told["listeners"][0].update(
        name="a-name-without-end" * 6,
        uris=["tcp://[2001:db8:1111:2222:3333:4444:5555:6666%interface-name]:65535"] * 2)
    told["listeners"][3]["uris"] = ["unix:" + "/folder" * 14 + "/echod.sock"]
    told["totals"]["connections_closed"] = {"reason_" * 9: 2**63}
    return told


SCENES = {
    "quiet": statuses.nothing, "traffic": statuses.traffic, "failed-reload": failed_reload,
    "drain": drain, "not-serving": all_taken, "50-listeners": fifty_listeners,
    "long-names": long_names,
}


@pytest.mark.parametrize("scene", SCENES)
def test_it_can_be_read(sight, stage, scene):
    show(sight, stage, counting(SCENES[scene]()))
    if scene != "quiet":
        if "PICTURES" not in os.environ:
            ask_anew(sight)
        eventually(lambda: sight.rows("listeners")[0][4] != UNKNOWN, "the second answer")
    for width in 1280, 1000, 830, 700, 560, 360, 320:
        for scheme in "light", "dark":
            sight.look(width, scheme)
            assert sight.run(TOO_WIDE) == [], (width, scheme)
            least, text = sight.run(CONTRASTS)[0]
            assert least >= 4.5, (least, text, scheme)
            if "PICTURES" in os.environ:
                name = "status" if (scene, width) == ("traffic", 1000) else f"{scene}-{width}"
                sight.picture(f"{os.environ['PICTURES']}/{name}-{scheme}.png")
    sight.look(1280)
    assert sight.said() == []


# --- what it says ----------------------------------------------------------------------------------


def test_what_is_not_known_is_no_zero(sight, stage):
    show(sight, stage, statuses.nothing())
    assert sight.text("#state") == "serving" and sight.rows("listeners")[0] == [
        "echo-tcp", "tcp://*:7", "0", UNKNOWN, UNKNOWN, "0 B", "0", "serving"]
    assert [sight.text(tile + ".number") for tile in (OPEN, ECHOED, NEW, UNSERVED)] == [
        "0", UNKNOWN, UNKNOWN, UNKNOWN]
    process = dict(sight.rows("process"))
    assert process["CPU"] == UNKNOWN and process["descriptors"] == "24 of 524 k"
    wait_text(sight, "#listeners tbody td:nth-of-type(3)", "0")
    eventually(lambda: dict(sight.rows("process"))["CPU"] == "0.0 %", "the second answer")


def test_much_traffic_in_short_numbers(sight, stage):
    show(sight, stage, statuses.traffic())
    assert sight.text("#who") == ("0.1.0 on echo-1.example, up 14 d 4 h, "
                                  "configured 2026-11-26 11:00:00 UTC")
    told = stage.told
    last = told["history"]["open"][-1]
    assert sight.text(OPEN + ".number") == str(last) and sight.text(OPEN + ".more") == "of 10000"
    assert sight.run("return document.querySelector('.bar i').style.width") == f"{last / 100:.3g}%"
    assert sight.text(ECHOED + ".number") == f"{told['rates']['sent_bytes'] / 1e9:.1f} GB"
    assert sight.text(UNSERVED + ".number") == \
        f"{told['rates']['refused'] + told['rates']['dropped']:.1f}"
    ended = sight.rows("ended")
    assert ended[:2] == [["peer", "40.8 M"], ["reset", "31204"]]
    assert ended[-2:] == [["tls_plain", "5"], ["tls_version", "2"]]
    refused, dropped = (told["totals"][name] for name in ("connections_refused", "datagrams_dropped"))
    assert {row[0]: bool(row[1]) + 2 * bool(row[2]) for row in sight.rows("unserved")} == {
        "denied": 1, "source_port": 2, "source_rate": 3}
    assert refused.keys() | dropped.keys() == {"denied", "source_port", "source_rate"}
    assert [worker[2] for worker in sight.rows("workers")] == ["3", "0"]


def test_rates_are_between_two_answers(sight, stage):
    """One comes each 2 seconds or so: what was counted meanwhile is the product."""
    told = statuses.traffic()
    show(sight, stage, counting(told))
    row = eventually(lambda: (row := sight.rows("listeners")[0])[4] != UNKNOWN and row, "rates")
    assert row[4].endswith(" MB")
    assert float(row[4][:-3]) == pytest.approx(told["rates"]["sent_bytes"] * 0.63 / 1e6, rel=0.25)
    assert float(sight.rows("listeners")[2][3]) == pytest.approx(told["rates"]["answered"], rel=0.25)
    assert float(dict(sight.rows("process"))["CPU"][:-2]) == pytest.approx(61, rel=0.25)


def points_of(sight, tile):
    path = sight.run("return document.querySelector(arguments[0]).getAttribute('d')",
                     tile + ".curve")
    return [tuple(map(float, point.split(","))) for point in path.removeprefix("M").split("L")]


def rates_of(history, *names):
    lists = [history[name] for name in names]
    return [sum(each[i + 1] - each[i] for each in lists) / statuses.EVERY
            for i in range(len(lists[0]) - 1)]


def test_the_charts_are_the_last_hour(sight, stage):
    told = statuses.traffic()
    history = told["history"]
    show(sight, stage, told)
    drawn = {OPEN: history["open"], ECHOED: rates_of(history, "sent_bytes"),
             NEW: rates_of(history, "accepted"), UNSERVED: rates_of(history, "refused", "dropped")}
    for tile, values in drawn.items():
        points = points_of(sight, tile)
        assert [x for x, _ in points] == list(range(len(values)))
        for (_, y), value in zip(points, values):
            assert y == pytest.approx(100 - 100 * value / max(values), abs=0.06)
    assert sight.text(OPEN + ".scale span") == "last 1 h"
    assert sight.text(OPEN + ".scale span + span") == f"peak {max(history['open'])}"


def test_a_chart_that_has_just_begun(sight, stage):
    """It grows from the right, over a minute at least."""
    told = statuses.nothing()
    told["history"]["open"] = [0, 4, 2]
    show(sight, stage, told)
    assert points_of(sight, OPEN) == [(9, 100), (10, 0), (11, 50)]
    assert sight.text(OPEN + ".scale span") == "last 1 min"


# --- what is wrong ---------------------------------------------------------------------------------


def test_the_words_of_others_stay_words(sight, stage):
    bad = "<img src=x onerror=alert(1)><script>alert(2)</script>&amp;"
    told = with_problems(statuses.traffic(), "serving", bad, host=bad)
    told["listeners"][0].update(name=bad, uris=[bad])
    show(sight, stage, told)
    assert sight.text("#problems li") == bad and sight.rows("listeners")[0][:2] == [bad, bad]
    assert sight.run("return document.querySelectorAll('img, main script').length") == 0
    assert sight.said() == []


def test_nothing_else_may_run_in_it(sight, stage):
    show(sight, stage, statuses.nothing())
    sight.run("const bad = document.createElement('script');"
              "bad.textContent = 'window.hasRun = true'; document.body.append(bad);")
    assert sight.run("return window.hasRun ?? null") is None
    assert "Content Security Policy" in sight.said()[0]


def test_no_answer_is_told_and_so_is_its_end(sight, stage):
    show(sight, stage, statuses.traffic())
    stage.told = None
    wait_text(sight, "#state", "no answer", within(3))
    assert sight.text("#problems li") == \
        "echod answers 500: what is below was at 2026-11-26 12:34:56 UTC"
    stage.told = b"{ no JSON"
    wait_text(sight, "#problems li", "echod does not answer: what is below was at "
              "2026-11-26 12:34:56 UTC")
    stage.told = statuses.traffic()
    wait_text(sight, "#state", "serving", within(3))
    assert sight.text("#problems") == ""
    assert all("500" in message for message in sight.said())


def test_another_process_begins_anew(sight, stage):
    """No rate is between two that are not the same."""
    show(sight, stage, statuses.traffic())
    eventually(lambda: sight.rows("listeners")[0][4] != UNKNOWN, "the second answer")
    stage.told = {**statuses.traffic(), "pid": 4712}
    eventually(lambda: sight.rows("process")[0][1] == "4712", "the other one")
    assert sight.rows("listeners")[0][4] == UNKNOWN


def test_it_asks_seldom_while_nobody_looks(sight, stage):
    show(sight, stage, statuses.nothing())
    sight.run("window.delays = []; const wait = window.setTimeout;"
              "window.setTimeout = (what, delay) => { delays.push(delay); return wait(what, delay); };"
              "window.isAway = false;"
              "Object.defineProperty(document, 'hidden', { get: () => isAway });")
    eventually(lambda: sight.run("return delays"), "it asks again")
    assert set(sight.run("return delays")) == {2000}
    sight.run("isAway = true; delays.length = 0;")
    eventually(lambda: sight.run("return delays") == [30000], "the next one is far")
    sight.run("isAway = false;")
    ask_anew(sight)
    eventually(lambda: sight.run("return delays") == [30000, 2000], "who looks again sees it anew",
               within(1))


# --- by keys ---------------------------------------------------------------------------------------


def focused(sight):
    return sight.run("const at = document.activeElement, style = getComputedStyle(at);"
                     "return at === document.body ? null : { what: at.getAttribute('aria-label') ??"
                     " at.textContent, outline: style.outlineStyle, width: style.outlineWidth,"
                     " value: at.getAttribute('aria-valuetext') }")


def test_all_that_can_be_used_can_by_keys(sight, stage):
    show(sight, stage, statuses.traffic())
    reached = []
    for _ in range(8):
        sight.press("Tab")
        at = focused(sight)
        assert at["outline"] == "solid" and at["width"] == "2px", at
        reached.append(at["what"])
    assert reached == [
        "connections open, as it was", "echoed a second, as it was",
        "new connections a second, as it was", "refused and dropped a second, as it was",
        "metrics", "status.json", "readyz", "healthz",
    ]


def test_a_chart_is_read_by_keys_and_pointer(sight, stage):
    show(sight, stage, statuses.traffic())
    values = stage.told["history"]["open"]
    sight.press("Tab")
    assert focused(sight)["value"] == f"last 1 h: peak {max(values)}"
    for key, text in (
        ("ArrowLeft", f"12:34:56 UTC: {values[-1]}"), ("ArrowLeft", f"12:34:51 UTC: {values[-2]}"),
        ("Home", f"11:35:01 UTC: {values[0]}"), ("ArrowLeft", f"11:35:01 UTC: {values[0]}"),
        ("ArrowRight", f"11:35:06 UTC: {values[1]}"), ("End", f"12:34:56 UTC: {values[-1]}"),
        ("ArrowRight", f"12:34:56 UTC: {values[-1]}"), ("Escape", f"last 1 h: peak {max(values)}"),
    ):
        sight.press(key)
        assert focused(sight)["value"] == text, key
    middle = sight.run(
        "const chart = document.querySelector('svg'), box = chart.getBoundingClientRect();"
        "chart.dispatchEvent(new PointerEvent('pointermove', { clientX: box.left + box.width / 2 }));"
        "return chart.getAttribute('aria-valuetext')")
    assert middle in [f"12:0{time} UTC: {values[i]}" for time, i in (("4:56", 359), ("5:01", 360))]


# --- of a real one ---------------------------------------------------------------------------------


def test_it_shows_a_real_one(sight, start):
    daemon = start([listener(), listener("echo-udp", protocol="udp")], ON)
    for _ in range(3):
        peers.echo(daemon.connect(), peers.payload(1000))
    sight.go(address_of(daemon))
    wait_text(sight, OPEN + ".number", "3")
    assert sight.text("#state") == "serving" and sight.text(OPEN + ".more") == "of 10000"
    assert sight.text("title") is not None and sight.rows("process")[0] == ["pid", str(daemon.pid)]
    tcp, udp = sight.rows("listeners")
    assert tcp[:3] == ["echo-tcp", f"tcp://127.0.0.1:{daemon.port()}", "3"]
    assert tcp[5:] == ["3 kB", "0", "serving"] and udp[2] == ""
    assert [row[0] for row in sight.rows("workers")] == ["0", "1"]
    eventually(lambda: UNKNOWN not in sight.run("return document.querySelector('main').innerText"),
               "all is known")
    asked = set(sight.asked())
    page = address_of(daemon)
    assert {page, page + "status.json"} <= asked
    assert all(address in (page, page + "status.json") or address.startswith("data:")
               for address in asked)
    assert sight.said() == []


def test_the_state_is_right_in_three_seconds(sight, start):
    options = {**ON, "limits.connections": 2}
    daemon = start(options=options)
    sight.go(address_of(daemon))
    wait_text(sight, "#state", "serving")
    held = [daemon.connect() for _ in range(3)]
    eventually(lambda: sight.text("#state") == "not serving, 2 problems", "it is told", within(3))
    assert sight.rows("listeners")[0][7] == "paused"
    for peer in held:
        peer.close()
    wait_text(sight, "#state", "serving", within(3))
    daemon.write_file("nonsense")
    daemon.reload()
    wait_text(sight, "#state", "serving, 1 problem", within(3))
    assert sight.text("#problems li").startswith("the last reload failed: ")
    daemon.configure(options=options)
    peers.echo(daemon.connect(), b"held")
    daemon.drain()
    eventually(lambda: sight.text("#state").startswith("draining, 2"), "it is told", within(3))
    daemon.stop()
    wait_text(sight, "#state", "no answer", within(3))
    assert sight.text("#problems li").startswith("echod does not answer: what is below was at ")


def test_a_page_that_stays_open_costs_little(sight, start):
    """At most a hundredth of a CPU."""
    daemon = start([listener(f"echo-{i}") for i in range(50)], ON)
    sight.go(address_of(daemon))
    wait_text(sight, "#state", "serving")
    begun, before = time.monotonic(), observing.status_json(daemon)["process"]["cpu_seconds"]
    for _ in range(3):
        eventually(sight.asked, "it asks on")
    used = observing.status_json(daemon)["process"]["cpu_seconds"] - before
    assert used <= 0.01 * SLOWNESS * (time.monotonic() - begun)
