"""The deployment files against the code they deploy. Nothing here needs a docker engine, and nothing here is one."""

import json
import os
import re
import subprocess
import sys
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml

from app.settings import Settings
from smoothgen.process.default_models import DEFAULT_MODELS
from workers.settings import Settings as WorkerSettings

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = ROOT / "docker-compose.yml"
GPU_OVERRIDE = ROOT / "docker" / "compose.gpu.yml"
OPERATIONS = (ROOT / "docs" / "operations" / "reference.md").read_text()
SERVICES = yaml.safe_load(COMPOSE.read_text())["services"]
PASSWORDS = {"GRAFANA_ADMIN_PASSWORD": "onlyforthistest", "REDIS_PASSWORD": "neitherthis"}


def tool(name: str, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of this virtual environment, with nothing of the caller's environment."""
    command = [str(Path(sys.executable).parent / name), *map(str, arguments)]
    bare = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(
        command, cwd=ROOT, env=bare | environment, capture_output=True, text=True, timeout=60, check=False
    )


def stage(name: str) -> str:
    """The instructions of one stage of the Dockerfile and of the stages it is built on."""
    stages = {
        m[2]: (m[1], m[3]) for m in re.finditer(r"^FROM (\S+) AS (\S+)\n(.*?)(?=^FROM |\Z)", DOCKERFILE, re.M | re.S)
    }
    parent, body = stages[name]
    return (stage(parent) if parent in stages else "") + re.sub(r"^#.*\n", "", body, flags=re.M)


def extras(name: str) -> set[str]:
    """The distributions an extra of pyproject.toml asks for, through the extras it includes."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found: set[str] = set()
    for requirement in project["optional-dependencies"][name]:
        if inner := re.fullmatch(r"smoothgen\[(.*)\]", requirement):
            found = found.union(*(extras(extra) for extra in inner[1].split(",")))
        else:
            found.add(re.match(r"[\w-]+", requirement)[0])
    return found


def settings(package: str) -> set[str]:
    """The SMOOTHGEN_ variables a process reads, from the source of its settings.py."""
    source = (ROOT / package / "settings.py").read_text()
    return {f"SMOOTHGEN_{field.upper()}" for field in re.findall(r"^    ([a-z_]+): ", source, re.M)}


def test_hadolint_finds_nothing():
    result = tool("hadolint", "Dockerfile")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("files", [[COMPOSE], [COMPOSE, GPU_OVERRIDE]], ids=["cpu", "gpu"])
def test_compose_files_are_valid(files):
    options = [part for file in files for part in ("-f", file)]
    result = tool("docker-compose", *options, "config", "-q", **PASSWORDS)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("name", PASSWORDS)
def test_no_password_has_a_default(name):
    others = {other: value for other, value in PASSWORDS.items() if other != name}
    result = tool("docker-compose", "--env-file", "/dev/null", "config", "-q", **others)
    assert result.returncode != 0
    assert f"put {name}=" in result.stderr


def test_every_client_of_redis_is_given_its_password():
    result = tool("docker-compose", "--env-file", "/dev/null", "config", "--format", "json", **PASSWORDS)
    services = json.loads(result.stdout)["services"]
    url = f"redis://:{PASSWORDS['REDIS_PASSWORD']}@redis:6379/0"
    assert {name for name, service in services.items() if url in (service.get("environment") or {}).values()} == {
        "first-key",
        "gateway",
        "worker",
    }


def test_roots_cannot_be_written_to():
    for name in ("first-key", "gateway", "worker"):
        assert (SERVICES[name]["read_only"], SERVICES[name]["cap_drop"]) == (True, ["ALL"])


def test_images_without_a_health_check_of_their_own_have_one():
    """OCI's format of images has none, and buildah builds it unless told otherwise."""
    for name, port in (("gateway", "SMOOTHGEN_PORT"), ("worker", "SMOOTHGEN_METRICS_PORT")):
        assert SERVICES[name]["healthcheck"]["test"][:4] == ["CMD", "python", "/opt/probe.py", port]


LOCKS = ROOT / "docker" / "locks"
INSTALLED_FROM = {
    "gateway": {"requirements-gateway.txt"},
    "worker": {"requirements-worker-cpu.txt", "requirements-worker-cuda.txt", "requirements-weights.txt"},
}


def locked(name: str) -> dict[str, str]:
    """The versions that a lock names, by distribution."""
    return dict(re.findall(r"^([\w.-]+)==([\w.+!-]+)", (LOCKS / name).read_text(), re.M))


@pytest.mark.parametrize("image", INSTALLED_FROM)
def test_images_install_from_locks_with_hashes_and_the_projects_own_wheel(image):
    installs = re.findall(r"pip install ([^\n\\]*)", stage(image))
    own = "--no-cache-dir --no-deps --no-index /dist/*.whl"
    assert installs[-1] == own
    assert all(line.startswith("--require-hashes ") for line in installs[:-1])
    named = {name for line in installs for name in re.findall(r"/locks/([\w${}.-]+)", line)}
    both = {name.replace("${TORCH}", build) for name in named for build in ("cpu", "cuda")}
    assert both == INSTALLED_FROM[image]


def test_images_hold_the_servers_that_the_wheel_leaves_out():
    assert "COPY app /opt/smoothgen/app\n" in stage("gateway")
    assert "COPY docs/certificate-v2.schema.json /opt/smoothgen/docs/certificate-v2.schema.json\n" in stage("gateway")
    assert "COPY workers /opt/smoothgen/workers\n" in stage("worker")
    for name in INSTALLED_FROM:
        assert "PYTHONPATH=/opt/smoothgen" in stage(name)


def test_the_gateway_image_installs_no_torch():
    assert "torch" not in locked("requirements-gateway.txt")
    assert not extras("gateway") & extras("worker") - extras("queue")
    assert "torch" in extras("worker")


def test_the_worker_is_locked_with_both_builds_of_torch():
    cpu, cuda = (locked(f"requirements-worker-{build}.txt") for build in ("cpu", "cuda"))
    assert cpu["torch"] == cuda["torch"] + "+cpu"
    assert {name for name in cpu if name.startswith("nvidia")} == set()
    assert {name for name in cuda if name.startswith("nvidia")} != set()


@pytest.mark.parametrize("path", sorted(LOCKS.glob("*.txt")), ids=lambda path: path.stem)
def test_locks_follow_constraints_and_name_no_host(path):
    """A change of pyproject.toml or constraints.txt asks for `make lock`."""
    constraints = dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "constraints.txt").read_text().lower(), re.M))
    constraints = {name.replace("_", "-"): version for name, version in constraints.items()}
    versions = locked(path.name)
    assert {n: v for n, v in versions.items() if v.removesuffix("+cpu") != constraints.get(n, v)} == {}
    text = path.read_text()
    assert "://" not in text
    assert len(re.findall(r"^\S+==.* \\$", text, re.M)) == len(versions)  # every line goes on to its hashes


@pytest.mark.parametrize(
    ("lock", "extra"),
    [
        ("requirements-gateway", "gateway"),
        ("requirements-worker-cpu", "worker"),
        ("requirements-worker-cuda", "worker"),
        ("requirements-ci-cpu", "dev"),
        ("requirements-ci-cuda", "dev"),
    ],
)
def test_locks_hold_what_the_extras_ask_for(lock, extra):
    asked = {name.lower().replace("_", "-") for name in extras(extra)}
    assert asked - locked(f"{lock}.txt").keys() == set()


@pytest.mark.parametrize("name", ["gateway", "worker"])
def test_images_run_as_a_numbered_user_with_exec_form_commands(name):
    instructions = stage(name)
    assert re.findall(r"^USER (\S+)", instructions, re.M) == ["10001:10001"]
    assert re.search(r'^ENTRYPOINT \["python", "-m", "(app|workers)"\]$', instructions, re.M)
    assert re.search(r'^HEALTHCHECK .*\\\n    CMD \["python", "/opt/probe.py"', instructions, re.M)


def test_the_image_label_names_the_project_version():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f'image.version="{version}"' in DOCKERFILE
    assert {SERVICES[name]["image"] for name in ("gateway", "worker")} == {
        f"smoothgen-gateway:{version}",
        f"smoothgen-worker:{version}",
    }


@pytest.mark.parametrize(("service", "package"), [("gateway", "app"), ("worker", "workers")])
def test_every_variable_set_for_a_process_is_one_it_reads(service, package):
    in_image = set(re.findall(r"(SMOOTHGEN_\w+)=", stage(service)))
    assert in_image | SERVICES[service]["environment"].keys() <= settings(package)


@pytest.mark.parametrize("package", ["app", "workers"])
def test_every_setting_is_documented(package):
    assert {name for name in settings(package) if f"`{name}`" not in OPERATIONS} == set()


def test_compose_and_its_documentation_name_the_models_a_worker_serves_by_default():
    default = re.fullmatch(r"\$\{SMOOTHGEN_MODELS:-(.*)\}", SERVICES["worker"]["environment"]["SMOOTHGEN_MODELS"])
    assert json.loads(default[1]) == DEFAULT_MODELS
    assert f"| `SMOOTHGEN_MODELS` ● | `{json.dumps(DEFAULT_MODELS)}` |" in OPERATIONS


def test_documented_defaults_are_the_settings_own():
    documented = dict(re.findall(r"^\| `SMOOTHGEN_(\w+)`(?: ●)? \| `(.*?)` \|", OPERATIONS, re.M))
    gateway = {"MAX_SAMPLES", "MAX_QUEUED_SAMPLES", "FLEET_CONFIDENCE", "MAX_REQUEST_BYTES", "MAX_CERTIFICATE_BYTES"}
    for name in gateway | {"API_KEYS", "DEFAULT_WAIT_S", "MAX_WAIT_S"}:
        assert json.loads(documented[name]) == Settings.model_fields[name.lower()].default
    for name in ("BATCH_SIZE", "DRAIN_TIMEOUT_S", "LEASE_S", "VISION_MODELS"):
        assert json.loads(documented[name]) == WorkerSettings.model_fields[name.lower()].default


def test_containers_are_given_the_time_their_processes_take_to_stop():
    assert SERVICES["gateway"]["stop_grace_period"] == "150s"
    assert Settings.model_fields["max_wait_s"].default < 150
    drain_s = float(SERVICES["worker"]["environment"]["SMOOTHGEN_DRAIN_TIMEOUT_S"])
    assert drain_s == WorkerSettings.model_fields["drain_timeout_s"].default
    # What is in hand is let go after the batch that the timeout falls into.
    assert int(SERVICES["worker"]["stop_grace_period"].removesuffix("s")) >= drain_s + 30


@pytest.mark.parametrize(("unit", "package", "name"), [("gateway", "app", "gateway"), ("worker@", "workers", "worker")])
def test_systemd_units_start_the_processes_and_give_them_time_to_stop(unit, package, name):
    text = (ROOT / "docker" / "systemd" / f"smoothgen-{unit}.service").read_text()
    assert f"ExecStart=/opt/smoothgen/.venv/bin/python -m {package}\n" in text
    assert f"TimeoutStopSec={SERVICES[name]['stop_grace_period'].removesuffix('s')}\n" in text
    assert set(re.findall(r"SMOOTHGEN_\w+(?==)", text)) <= settings(package)


def test_workers_can_be_scaled():
    assert not {"container_name", "ports", "hostname"} & SERVICES["worker"].keys()


@pytest.mark.parametrize(("status", "exit_code"), [(200, 0), (503, 1)])
def test_the_probe_tells_200_from_other_answers(status, exit_code):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        result = tool("python", "docker/probe.py", "PORT", "/readyz", PORT=str(server.server_port))
        server.shutdown()
    assert result.returncode == exit_code, result.stderr
    refused = tool("python", "docker/probe.py", "PORT", "/readyz", PORT=str(server.server_port))
    assert refused.returncode == 1
