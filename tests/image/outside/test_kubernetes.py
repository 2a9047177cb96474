"""The files for Kubernetes: what its API takes, nothing that the strictest of its security
standards refuses, and names, ports and times that fit together."""

import functools
import json
import os
import pathlib
import re
import shutil
import subprocess

import archive
import pytest

NODE = pathlib.Path(os.environ["NODE"])
FOLDER = pathlib.Path(os.environ["TOP"], "container/kubernetes")
KUSTOMIZATIONS = sorted(path.parent.name for path in FOLDER.glob("*/kustomization.yaml"))
TO_JSON = """
import { readFileSync } from "node:fs"; import { parseAllDocuments } from "yaml";
console.log(JSON.stringify(parseAllDocuments(readFileSync(0, "utf8")).map((each) => each.toJS())));
"""


def node(*arguments, text=None, status=0):
    command = ["node", *map(str, arguments)]
    done = subprocess.run(
        command, cwd=NODE, input=text, text=True, capture_output=True, check=False
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


@functools.cache
def rendered(name):
    return node("render.mjs", FOLDER / name)


@functools.cache
def objects_of(text):
    return json.loads(node("--input-type=module", "-e", TO_JSON, text=text))


@pytest.fixture(scope="module")
def objects():
    """{(kind, name): object} of the base."""
    return {(each["kind"], each["metadata"]["name"]): each for each in objects_of(rendered("base"))}


@pytest.fixture(scope="module")
def pod(objects):
    return objects["Deployment", "echod"]["spec"]["template"]


@pytest.fixture(scope="module")
def echod(pod):
    (container,) = pod["spec"]["containers"]
    return container


@pytest.fixture(scope="module")
def configuration(objects):
    return objects["ConfigMap", "echod"]["data"]["echod.conf"]


def validate(tmp_path, text, status=0):
    file = tmp_path / "objects.yaml"
    file.write_text(text, encoding="utf-8")
    return node("validate.mjs", file, status=status)


@pytest.mark.parametrize("name", KUSTOMIZATIONS)
def test_the_api_takes_it(tmp_path, name):
    assert validate(tmp_path, rendered(name)) == ""


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("replicas: 3", "replicas: three", "must be integer"),
        ("readinessProbe:", "readynessProbe:", "readynessProbe.* does not exist"),
        (
            "apiVersion: policy/v1",
            "apiVersion: policy/v7",
            "PodDisruptionBudget echod: .*policy/v7",
        ),
        ("kind: Deployment", "kind: Deploymend", "no such kind"),
    ],
)
def test_what_the_api_does_not_take_is_found(tmp_path, right, wrong, said):
    text = rendered("base")
    assert right in text
    faults = validate(tmp_path, text.replace(right, wrong), status=1)
    assert re.search(said, faults)


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl here")
@pytest.mark.parametrize("name", KUSTOMIZATIONS)
def test_kustomize_makes_the_same_of_it(name):
    """But for the hash that it gives to the ConfigMap's name."""
    command = ["kubectl", "kustomize", FOLDER / name]
    text = subprocess.run(command, check=True, text=True, capture_output=True).stdout
    text = re.sub(r"\bechod-[a-z0-9]{10}$", "echod", text, flags=re.MULTILINE)

    def by_name(each):
        return each["kind"], each["metadata"]["name"]

    assert sorted(objects_of(text), key=by_name) == sorted(objects_of(rendered(name)), key=by_name)


@pytest.mark.parametrize("name", KUSTOMIZATIONS)
def test_each_file_is_used(name):
    used = (FOLDER / name / "kustomization.yaml").read_text(encoding="utf-8")
    for file in (FOLDER / name).iterdir():
        assert file.name == "kustomization.yaml" or f"- {file.name}\n" in used + "\n"


def pods():
    for name in KUSTOMIZATIONS:
        for each in objects_of(rendered(name)):
            template = each.get("spec", {}).get("template")
            if template is not None:
                yield pytest.param(template["spec"], id=f"{name}-{each['kind']}")


@pytest.mark.parametrize("spec", pods())
def test_it_is_restricted(spec):
    """By the Pod Security Standards, "restricted", and a root that cannot be written to besides."""
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(spec)
    assert {kind for volume in spec.get("volumes", []) for kind in volume} <= {"name", "configMap"}
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == int(
        archive.CONFIGURATION["config"]["User"].split(":")[0]
    )
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    for container in spec["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_the_namespace_lets_nothing_else_in(objects):
    labels = objects["Namespace", "echod"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("spec", pods())
def test_the_image_is_that_of_this_version(spec):
    version = archive.CONFIGURATION["config"]["Labels"]["org.opencontainers.image.version"]
    assert {each["image"] for each in spec["containers"]} == {f"localhost/echod:{version}"}


def test_the_configuration_is_right_and_has_the_ports(tmp_path, echod, configuration):
    with archive.opened() as layer:
        layer.extractall(tmp_path)
    (tmp_path / "etc/echod").mkdir()
    (tmp_path / "etc/echod/echod.conf").write_text(configuration, encoding="utf-8")
    assert echod["args"] == ["-f", "-c", "/etc/echod/echod.conf"]
    subprocess.run(["chroot", tmp_path, "/usr/sbin/echod", "-t", *echod["args"][1:]], check=True)
    listeners = re.findall(r'protocol = "(\w+)"  address = "\*"  port = (\d+)', configuration)
    (observe,) = re.findall(r'^observe { address = "\*"  port = (\d+)', configuration, re.MULTILINE)
    ports = {(each["protocol"].lower(), str(each["containerPort"])) for each in echod["ports"]}
    assert ports == {*listeners, ("tcp", observe)}


def test_what_selects_the_pods_finds_them(objects, pod):
    labels = pod["metadata"]["labels"].items()
    for (kind, name), path in {
        ("Deployment", "echod"): ("selector", "matchLabels"),
        ("Service", "echod"): ("selector",),
        ("Service", "echod-observe"): ("selector",),
        ("NetworkPolicy", "echod"): ("podSelector", "matchLabels"),
        ("PodDisruptionBudget", "echod"): ("selector", "matchLabels"),
    }.items():
        selector = objects[kind, name]["spec"]
        for member in path:
            selector = selector[member]
        assert selector and selector.items() <= labels, (kind, name)


def test_the_ports_of_services_are_there(objects, echod):
    names = {each["name"]: (each["protocol"], each["containerPort"]) for each in echod["ports"]}
    allowed = {
        (port["protocol"], port["port"])
        for rule in objects["NetworkPolicy", "echod"]["spec"]["ingress"]
        for port in rule["ports"]
    }
    served = set()
    for name in "echod", "echod-observe":
        for port in objects["Service", name]["spec"]["ports"]:
            assert names[port["targetPort"]][0] == port["protocol"]
            served.add(names[port["targetPort"]])
    assert served == allowed == set(names.values())


def test_the_monitor_finds_its_service():
    objects = {
        each["kind"] + each["metadata"]["name"]: each for each in objects_of(rendered("monitoring"))
    }
    selector = objects["ServiceMonitorechod"]["spec"]["selector"]["matchLabels"].items()
    found = [
        each
        for name, each in objects.items()
        if name.startswith("Service")
        and each["kind"] == "Service"
        and selector <= each["metadata"]["labels"].items()
    ]
    (service,) = found
    (endpoint,) = objects["ServiceMonitorechod"]["spec"]["endpoints"]
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}


def test_a_drain_has_its_time(pod, echod, configuration):
    drain = int(re.search(r"^drain_timeout = (\d+)", configuration, re.MULTILINE).group(1))
    before = echod["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["spec"]["terminationGracePeriodSeconds"] >= before + drain + 5


def test_the_probes_are_what_the_image_has(echod):
    probe = echod["startupProbe"]["exec"]["command"]
    assert probe == "echod-client --wait-until-up 1 -q -c 1 tcp://127.0.0.1:10007".split()
    assert {echod[f"{kind}Probe"]["httpGet"]["path"] for kind in ("liveness", "readiness")} == {
        "/healthz",
        "/readyz",
    }
