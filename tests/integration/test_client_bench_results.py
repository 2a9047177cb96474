"""What bench leaves of a run: text, an object and files that agree, and results of several clients
as one."""

import csv
import datetime
import json
import os
import subprocess
import xml.etree.ElementTree

import pytest

import faulty
from client import command, json_of, lines_of, run, schema_faults
from echod import Echod
from patience import lasting

SHORT = ("-d", lasting(1), "--warm-up", 0, "-r", 1000, "-n", 4)
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def daemon(start):
    return start()


@pytest.fixture
def uri(daemon):
    return f"tcp://127.0.0.1:{daemon.port()}"


class Files:
    """Paths in a folder of the test."""

    def __init__(self, workdir):
        self.workdir = workdir

    def __getattr__(self, name):
        return os.path.join(self.workdir, name)


@pytest.fixture
def files(workdir):
    return Files(workdir)


def save(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text if isinstance(text, str) else json.dumps(text))
    return path


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def refused(*arguments):
    """What a client says that cannot even begin."""
    result = run("bench", *arguments)
    assert (result.returncode, result.stdout) == (2, b""), result
    return result.stderr.removeprefix("echod-client: ").rstrip("\n")


# --- of one run ----------------------------------------------------------------------------------


def test_the_object_and_the_files_agree(uri, files):
    found = json_of("bench", *SHORT, uri, "--csv", files.csv, "--svg", files.svg, "--hgrm",
                    files.hgrm)
    counts, corrected = found["counts"], found["latency"]["corrected"]
    assert counts["sent"] == counts["echoed"] == corrected["count"] == 1000 * lasting(1)
    assert sum(count for _, count in corrected["buckets"]) == corrected["count"]
    assert corrected["min"] <= corrected["p50"] <= corrected["p99"] <= corrected["max"]

    with open(files.csv, encoding="ascii", newline="") as file:
        rows = list(csv.DictReader(file))
    for name in ("sent", "echoed", "echoed_bytes"):
        assert sum(int(row[name]) for row in rows) == counts[name], name
    assert [int(row["second"]) for row in rows] == [row["second"] for row in found["rows"]]
    assert max(float(row["max_seconds"] or 0) for row in rows) == corrected["max"]

    lines = [line.split() for line in read(files.hgrm).split("\n")[2:] if not line.startswith("#")]
    levels = {float(line[1]): float(line[0]) / 1000 for line in lines if line}
    assert levels[0.5] == pytest.approx(corrected["p50"], abs=1e-9)
    assert levels[1.0] == pytest.approx(corrected["max"], abs=1e-9)
    assert int(lines[-2][2]) == corrected["count"]


def test_the_picture_needs_nothing_else(uri, files):
    run("bench", *SHORT, uri, "--svg", files.svg)
    picture = xml.etree.ElementTree.fromstring(read(files.svg))
    assert picture.tag == f"{SVG}svg" and uri in picture.find(f"{SVG}title").text
    assert len([each for each in picture.iter(f"{SVG}path") if "line" in each.get("class")]) == 8
    assert "http" not in read(files.svg).replace("http://www.w3.org/2000/svg", "")
    assert "prefers-color-scheme: dark" in read(files.svg)


def test_the_text_has_what_the_object_has(uri):
    lines = lines_of("bench", *SHORT, uri, "--churn")
    head = dict(line.split(maxsplit=1) for line in lines[1:9] if line[:1].isalpha())
    messages = 1000 * lasting(1)
    assert lines[0] == f"--- {uri} statistics ---"
    assert head["messages"].startswith(f"{messages} sent, {messages} came back, 0% loss, in ")
    assert head["server"] == uri.removeprefix("tcp://")
    assert lines[lines.index("") + 1].split() == [
        "latency", "corrected", "uncorrected", "slip", "connect", "slower"]
    assert all(len(line) <= 80 for line in lines), lines


def test_an_error_is_told_in_both():
    with faulty.stream(faulty.flip(70), faulty.flip(70)) as server:
        arguments = ("-N", 2, "-n", 1, "--warm-up", 0, server.uri)
        found = json_of("bench", *arguments, status=1)
        lines = lines_of("bench", *arguments, status=1)
    assert found["errors"].pop("wrong") == 1 and not any(found["errors"].values())
    first = found["first_error"]
    assert (first["kind"], first["message"]) == ("wrong", 1)
    assert "           1  wrong      came back with wrong bytes" in lines
    assert any(line.startswith("  first: wrong: connection 0, message 1, ") for line in lines)


@pytest.mark.parametrize("option", ["--csv", "--svg", "--hgrm"])
@pytest.mark.parametrize("path, reason", [
    ("/nowhere/file", "No such file or directory"),
    ("/", "Is a directory"),
    ("", "No such file or directory"),
    ("/proc/version/file", "Not a directory"),
])
def test_a_path_that_cannot_be_written_is_told_first(option, path, reason):
    """Nobody is asked anything: nobody is there."""
    assert refused("tcp://127.0.0.1:1", option, path) == f"{option} {path}: {reason}"


def test_each_file_is_another_one(files):
    assert refused("tcp://127.0.0.1:1", "--csv", files.same, "--svg", files.same) == (
        "--csv and --svg: give each a file of its own")


def test_a_file_stands_until_the_next_is_whole(daemon, uri, files):
    save(files.csv, "before")
    os.chmod(files.csv, 0o640)
    with subprocess.Popen(command("bench", *SHORT, uri, "--csv", files.csv, "-d", 60)) as client:
        daemon.wait_log("connection opened")
        assert read(files.csv) == "before"
        client.kill()
    assert read(files.csv) == "before"
    run("bench", *SHORT, uri, "--csv", files.csv)
    assert read(files.csv).startswith("second,sent,")
    assert os.stat(files.csv).st_mode & 0o777 == 0o640
    assert sorted(os.listdir(files.workdir)) == ["csv", "echod.conf"]


def test_a_full_disk_is_a_fault(uri):
    result = run("bench", *SHORT, uri, "--csv", "/dev/full")
    assert result.returncode == 1
    assert "cannot write /dev/full: No space left on device" in result.stderr


def test_rows_on_stdout(uri, files):
    """Which may be a file: the other text is in it, too."""
    with open(files.out, "wb") as out:
        run("bench", *SHORT, uri, "--csv", "/dev/stdout", stdout=out)
    for lines in (lines_of("bench", *SHORT, uri, "--csv", "/dev/stdout"),
                  read(files.out).splitlines()):
        assert lines[0].startswith("second,sent,") and f"--- {uri} statistics ---" in lines


# --- of several clients --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What two clients print who ran together."""
    daemon = Echod(str(tmp_path_factory.mktemp("bench")))
    daemon.wait_serving()
    arguments = command("bench", *SHORT, f"tcp://127.0.0.1:{daemon.port()}", "--json")
    clients = [subprocess.Popen(arguments, stdout=subprocess.PIPE) for _ in range(2)]
    texts = [client.communicate()[0].decode() for client in clients]
    assert [client.returncode for client in clients] == [0, 0]
    daemon.stop()
    return texts


@pytest.fixture
def results(told, files):
    return [save(path, text) for path, text in zip((files.a, files.b), told)]


def change(path, to, *where, **values):
    """Another file of a result, with other values somewhere in it."""
    found = json.loads(read(path))
    part = found
    for each in where:
        part = part[each]
    part.update(values)
    return save(to, found)


def an_hour_before(path):
    at = datetime.datetime.fromisoformat(json.loads(read(path))["started"].rstrip("Z"))
    return (at - datetime.timedelta(hours=1)).isoformat(timespec="milliseconds") + "Z"


def test_results_add_up(results):
    parts = [json.loads(read(path)) for path in results]
    merged = json_of("bench", "--merge", *results)
    in_time = sorted(parts, key=lambda part: part["started"])
    assert merged["runs"] == [run for part in in_time for run in part["runs"]]
    for kind in ("counts", "errors"):
        for name, value in merged[kind].items():
            assert value == sum(part[kind][name] for part in parts), name
    buckets = {}
    for part in parts:
        for low, count in part["latency"]["corrected"]["buckets"]:
            buckets[low] = buckets.get(low, 0) + count
    corrected = merged["latency"]["corrected"]
    assert corrected["buckets"] == [list(each) for each in sorted(buckets.items())]
    assert corrected["max"] == max(part["latency"]["corrected"]["max"] for part in parts)
    assert merged["asked"]["connections"] == 8 and merged["asked"]["rate"] == 2000
    assert merged["together"] > 0.5
    assert sum(row["echoed"] for row in merged["rows"]) == merged["counts"]["echoed"]


def test_a_sum_is_a_result(results, files):
    """It is told in all ways, and adds up with others."""
    save(files.sum, json.dumps(json_of("bench", "--merge", *results)))
    change(results[0], files.c, runs=["00000000000000aa"])
    merged = json_of("bench", "--merge", files.sum, files.c, "--svg", files.svg, "--csv", files.csv)
    assert len(merged["runs"]) == 3 and merged["counts"]["echoed"] == 3000 * lasting(1)
    xml.etree.ElementTree.fromstring(read(files.svg))
    lines = lines_of("bench", "--merge", files.sum, files.c)
    assert any("by 3 clients" in line for line in lines), lines


def test_one_result_is_told_again(results):
    merged = json_of("bench", "--merge", results[0])
    assert merged == json.loads(read(results[0]))


def test_those_that_did_not_run_together(results, files):
    change(results[0], files.c, runs=["00000000000000aa"], started=an_hour_before(results[0]))
    text = "\n".join(lines_of("bench", "--merge", results[0], files.c))
    assert "not all at once, or their clocks\ndiffer" in text


def test_a_clock_that_was_never_set(results, files):
    change(results[0], files.c, runs=["00000000000000aa"], started="1970-01-01T00:00:10.000Z")
    assert refused("--merge", results[0], files.c) == (
        f"{files.c}: started: more than 30 days from the others")


def test_no_run_counts_twice(results, files):
    twice = "runs: this run is in a file before it"
    assert refused("--merge", results[0], results[0]) == f"{results[0]}: {twice}"
    save(files.sum, json.dumps(json_of("bench", "--merge", *results)))
    assert refused("--merge", files.sum, results[1]) == f"{results[1]}: {twice}"


def test_results_that_are_not_alike(results, files):
    change(results[1], files.c, uri="tcp://127.0.0.1:9")
    assert refused("--merge", results[0], files.c) == (
        f"{files.c}: uri: is tcp://127.0.0.1:9, and of {results[0]} it is not")
    change(results[1], files.c, "asked", rate=None)
    assert refused("--merge", results[0], files.c).startswith(f"{files.c}: asked.rate: ")


def test_what_is_at_fault_is_named(results, files):
    whole = read(results[0])
    for text, said in {
        "": "line 1, column 0: ",
        whole[:500]: "line 1, column ",
        whole + whole: "line 2, column 1: ",
        "[]": "this is not what bench --json prints",
        '{"mode": "ping"}': "this is not what bench --json prints",
        '{"mode": "bench"}': "uri: is missing",
        "\0\xff": "line 1, column ",
    }.items():
        save(files.bad, text)
        assert refused("--merge", results[0], files.bad).startswith(f"{files.bad}: {said}"), said
    change(results[0], files.bad, "latency", "slip", count=7)
    assert refused("--merge", files.bad) == (
        f"{files.bad}: latency.slip.count: is not the sum of its buckets")
    for path in ("/nowhere/file", "/"):
        assert refused("--merge", path).startswith(f"{path}: ")
    assert refused("--merge") == "--merge: give files that bench --json has written"


def test_a_comparison_is_no_result(uri, files):
    """Of two targets there is no one sum."""
    found = json_of("bench", "-d", 0.2, "--warm-up", 0, uri, "--against", uri)
    assert not schema_faults(found)
    assert len(found["rounds"]) == 3 and found["ratios"]["rate"]["median"] > 0
    save(files.c, found)
    assert refused("--merge", files.c) == f"{files.c}: address: is missing"
