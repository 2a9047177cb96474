"""A real Prometheus scrapes echod: what it knows is what the clients did, to the byte.

So do the examples for it: the alerts are tested by its own tool, and each question that the
dashboard asks has an answer.
"""

import json
import re
import signal
import socket

import pytest

import observing
import peers
import prometheus
from certificates import put, secure, secured
from echod import listener, run
from observing import ON
from patience import eventually

HAS_TLS = " +openssl " in f"{run('-V').stdout} "


@pytest.fixture
def pair(workdir):
    if not HAS_TLS:
        return None
    import tls

    return put(tls.pair("localhost"), workdir)


def every_kind(pair, workdir):
    """Sections of listeners of each kind that there is."""
    sections = [
        listener("tcp"),
        listener("udp", protocol="udp"),
        listener("unix", path=f"{workdir}/echod.sock"),
        listener("proxied", proxy_protocol=True, trusted_proxies=["127.0.0.0/8"]),
    ]
    return sections + ([secure(pair, "tls")] if pair else [])


# --- its own tool ---------------------------------------------------------------------------------


def test_its_tool_finds_no_fault(start, workdir, pair):
    daemon = start(every_kind(pair, workdir), ON)
    daemon.assert_echoes("tcp")
    assert prometheus.promtool("check", "metrics", text=observing.ask(daemon).body) == ""


def test_the_examples_have_no_fault():
    prometheus.promtool("check", "config", "prometheus.yml")
    prometheus.promtool("test", "rules", "echod-rules.test.yml")


def test_each_alert_is_tested_to_come_and_not_to_come():
    tests = prometheus.example("echod-rules.test.yml")
    for alert in re.findall(r"- alert: (\w+)", prometheus.example("echod-rules.yml")):
        assert f"alertname: {alert}, exp_alerts: []" in tests
        assert f"alertname: {alert}\n        exp_alerts:\n          - exp_labels" in tests


def test_the_examples_ask_for_what_there_is(start, workdir, pair):
    """A name that is misspelt has no answer, and no error either."""
    daemon = start(every_kind(pair, workdir), ON)
    body = observing.ask(daemon).body.decode()
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", body, re.MULTILINE))
    labels = {"job", "instance", "le"} | set(re.findall(r'[{,](\w+)="', body))
    texts = [expression for _, expression in prometheus.expressions()]
    rules = prometheus.example("echod-rules.yml")
    texts += re.findall(r"expr: (?:>-\n)?(.*?)\n(?= {8}\w)", rules, re.DOTALL)
    asked = set()
    for text in texts:
        for name, rest in re.findall(r"((?:echod|process)_\w+)(\{[^}]*\})?", text):
            asked.add(re.sub("_(bucket|sum|count)$", "", name) if name not in kinds else name)
            assert set(re.findall(r"(\w+)(?:=~|!~|=|!=)\"", rest)) <= labels, text
        for listed in re.findall(r"(?:by|without) \(([\w, ]+)\)", text):
            assert set(listed.split(", ")) <= labels, text
    if not pair:
        asked = {name for name in asked if not re.match("echod_(tls|certificate)_", name)}
    assert asked <= kinds.keys(), asked - kinds.keys()
    # No counter is left to be watched by nobody.
    assert {name for name in kinds if name.endswith("_total")} - asked <= {
        "echod_received_bytes_total",
        "echod_datagrams_received_total",
        "echod_proxy_headers_total",
        "echod_reloads_total",
        "echod_hand_overs_total",
    }


# --- a real one -----------------------------------------------------------------------------------


def answered(daemon, name, size, count):
    """Sends datagrams one by one; returns how many bytes came back."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.connect((daemon.host(name), daemon.port(name)))
        peer.settimeout(30)
        return sum(peer.send(bytes(size)) and len(peer.recv(65536)) for _ in range(count))


def wait_number(server, number, expression):
    eventually(lambda: server.number(expression) == number, f"{expression} is {number}")


def relisten(daemon, sections):
    """A reload, after which all listeners but observe are where they say then."""
    daemon.configure(sections, {**ON, "observe.port": daemon.port("observe")})
    assert daemon.reload()[-1].startswith("notice: reloaded ")


def test_its_sums_are_what_the_clients_sent(start, workdir):
    """Over a reload that moves one listener, removes another and adds a third, and over a drain."""
    udp = listener("udp", protocol="udp")
    daemon = start([listener("moved"), listener("removed"), udp], ON)
    sent = {"moved": 0, "removed": 0, "added": 0, "udp": 0}

    def exchange(name, size):
        data = peers.payload(size)
        peers.assert_same(peers.exchange(daemon.connect(name), data, half_close=True), data)
        sent[name] += size

    with prometheus.scraping(workdir, daemon.port("observe")) as server:
        held = daemon.connect("moved")
        peers.echo(held, b"held")
        sent["moved"] += 4
        exchange("moved", 1_000_003)
        exchange("removed", 700_001)
        sent["udp"] += answered(daemon, "udp", 999, 25)
        for name in "moved", "removed", "udp":
            wait_number(server, sent[name], f'echod_sent_bytes_total{{listener="{name}"}}')

        daemon.listening = {"observe": daemon.listening["observe"]}
        relisten(daemon, [listener("moved", address="127.0.0.2"), listener("added"), udp])
        exchange("moved", 200_003)
        exchange("added", 300_007)
        peers.echo(held, b"still")
        sent["moved"] += 5
        for name, size in sent.items():
            wait_number(server, size, f'echod_sent_bytes_total{{listener="{name}"}}')
        wait_number(server, sum(sent.values()), "sum(echod_received_bytes_total)")
        wait_number(server, 5, "sum(echod_connections_accepted_total)")
        wait_number(server, 4, "sum(echod_connections_closed_total)")
        wait_number(server, 4, "sum(echod_connection_duration_seconds_count)")
        wait_number(server, 1, "sum(echod_connections_open)")
        assert not server.query("resets(echod_sent_bytes_total[1h]) > 0")

        daemon.drain()
        peers.echo(held, b"to the end")
        sent["moved"] += 10
        wait_number(server, 1, "echod_draining")
        wait_number(server, sum(sent.values()), "sum(echod_sent_bytes_total)")
        held.close()
        daemon.wait_exit()
        wait_number(server, 0, 'up{job="echod"}')
        eventually(lambda: "EchodDown" in server.alerts(), "it would page")


def test_the_dashboard_has_an_answer_to_each_question(start, workdir, pair):
    """What is asked of what went wrong, too: so some of it does."""
    sections = every_kind(pair, workdir)
    options = {**ON, "access.deny": ["127.0.0.9"]}
    daemon = start(sections, options)
    held = daemon.connect("tcp", receive_buffer=4096)
    peers.fill(held, peers.payload(3_000_000))
    with prometheus.scraping(workdir, daemon.port("observe")) as server:

        def move():
            """All of it again: a rate is known of what has grown between two scrapes."""
            peers.exchange(daemon.connect("tcp"), peers.payload(500_000), half_close=True)
            answered(daemon, "udp", 10, 5)
            with socket.socket() as refused:
                refused.bind(("127.0.0.9", 0))
                refused.connect(("127.0.0.1", daemon.port("tcp")))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dropped:
                dropped.bind(("127.0.0.9", 0))
                dropped.sendto(b"x", ("127.0.0.1", daemon.port("udp")))
                daemon.signal(signal.SIGSTOP)
                for _ in range(2000):
                    dropped.sendto(bytes(1000), ("127.0.0.1", daemon.port("udp")))
                daemon.signal(signal.SIGCONT)
            if pair:
                with secured(daemon, "tls") as spoken:
                    peers.echo(spoken, b"sealed")
                plain = daemon.connect("tls")
                plain.sendall(b"GET / HTTP/1.0\r\n\r\n")
                peers.ends(plain)

        def has_answer(question):
            if "> 0" in question and not server.query(question):
                move()
            return server.query(question)

        for title, expression in prometheus.expressions():
            question = prometheus.filled_in(expression)
            if title == "Starts":
                assert server.query(question) == []
            elif pair or not re.search("tls|certificate", question):
                eventually(lambda asked=question: has_answer(asked), f"{title}: {question}")
        rules = prometheus.example("echod-rules.yml")
        pages = re.findall(r"alert: (\w+)", rules.split("name: ")[1])
        assert len(pages) == 6 and not set(pages) & server.alerts().keys()


def test_the_dashboard_is_one_that_grafana_takes():
    """As far as can be told without one: what each panel has, and that none lies on another."""
    dashboard = json.loads(prometheus.example("echod-dashboard.json"))
    taken, ids = set(), set()
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        end = at["x"] + at["w"]
        cells = {(x, at["y"] + y) for x in range(at["x"], end) for y in range(at["h"])}
        assert not cells & taken and end <= 24
        taken |= cells
        assert panel["id"] not in ids
        ids.add(panel["id"])
        assert panel["type"] in ("row", "stat", "timeseries") and panel["title"]
        if panel["type"] != "row":
            assert panel["description"].endswith(".") and panel["fieldConfig"]["defaults"]["unit"]
            assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
            assert {each["datasource"]["uid"] for each in panel["targets"]} == {"${datasource}"}
