"""The Kubernetes manifests against the schemas, each other, the compose file and the code. No cluster is asked."""

import copy
import json
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from app.settings import Settings
from tests.architecture.test_deployment import SERVICES, settings
from tests.architecture.test_monitoring import metrics

ROOT = Path(__file__).parents[2]
MANIFESTS = ROOT / "docker" / "kubernetes"
PAGE = (ROOT / "docs" / "kubernetes.md").read_text()
SCALED_OBJECT = json.loads((Path(__file__).parent / "keda_scaledobject.schema.json").read_text())
OPERATOR = json.loads((Path(__file__).parent / "prometheus_operator.schema.json").read_text())
VARIANTS = (".", "gpu", "autoscaled")
MONITORING = "monitoring"
OLDEST, NEWEST = "1.30", "1.37"
"""The first Kubernetes with every field used (`lifecycle.preStop.sleep`), and the last whose schemas are at hand."""

Object = dict[str, Any]


def rendered_from(folder: Path) -> list[Object]:
    kubectl = str(Path(sys.executable).parent / "kubectl")
    # No home, so that no kubeconfig of the machine can matter.
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "KUBECONFIG": "/dev/null"}
    result = subprocess.run(
        [kubectl, "kustomize", str(folder)], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 0, result.stderr
    return list(yaml.safe_load_all(result.stdout))


@cache
def _rendered(variant: str) -> str:
    return json.dumps(rendered_from(MANIFESTS / variant))


def rendered(variant: str) -> list[Object]:
    """What `kubectl apply -k` would send."""
    return json.loads(_rendered(variant))


def of_kind(kind: str, variant: str) -> list[Object]:
    return [found for found in rendered(variant) if found["kind"] == kind]


def component(name: str, variant: str) -> list[Object]:
    """The Deployments or StatefulSets of a part."""
    workloads = of_kind("Deployment", variant) + of_kind("StatefulSet", variant)
    found = [w for w in workloads if w["metadata"]["labels"]["app.kubernetes.io/component"] == name]
    assert found
    return found


def pods(variant: str) -> list[tuple[str, Object]]:
    """(component, pod template) of every workload."""
    return [(name, w["spec"]["template"]) for name in ("redis", "gateway", "worker") for w in component(name, variant)]


def container(workload: Object) -> Object:
    (only,) = workload["spec"]["template"]["spec"]["containers"]
    return only


def config(variant: str, name: str) -> dict[str, str]:
    (found,) = (c for c in of_kind("ConfigMap", variant) if c["metadata"]["name"] == name)
    return found["data"]


def environment(workload: Object, variant: str) -> dict[str, Any]:
    """Every variable the manifests give a workload; None where the value is not in them."""
    variables: dict[str, Any] = {}
    for source in container(workload).get("envFrom", []):
        variables |= config(variant, source["configMapRef"]["name"])
    return variables | {v["name"]: v.get("value") for v in container(workload).get("env", [])}


def check(found: Object, version: str) -> None:
    """Raises ValidationError for an object that does not fit its schema, unknown fields included."""
    if found["kind"] == "ScaledObject":
        jsonschema.validate(found, SCALED_OBJECT)
    elif found["apiVersion"] == "monitoring.coreos.com/v1":
        jsonschema.validate(found, OPERATOR)
    else:
        kubernetes_validate.validate(found, version, strict=True)


def selected(labels: dict[str, str], variant: str) -> set[str]:
    return {name for name, pod in pods(variant) if labels.items() <= pod["metadata"]["labels"].items()}


def bytes_of(quantity: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([A-Za-z]*)", quantity).groups()
    powers = {"mb": 2**20, "gb": 2**30, "Mi": 2**20, "Gi": 2**30}  # the first two as Redis reads them
    return int(number) * powers[unit]


# Schemas


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("variant", [*VARIANTS, MONITORING])
def test_every_object_fits_its_schema(variant, version):
    assert kubernetes_validate.latest_version() >= NEWEST
    for found in rendered(variant):
        check(found, version)


def test_the_variants_hold_what_they_should():
    kinds = sorted(found["kind"] for found in rendered("."))
    base = ["ConfigMap", "ConfigMap", "Deployment", "Deployment", *["NetworkPolicy"] * 3, *["PodDisruptionBudget"] * 2]
    assert kinds == [*base, "Service", "Service", "StatefulSet"]
    assert sorted(found["kind"] for found in rendered(MONITORING)) == ["PodMonitor", "PodMonitor", "PrometheusRule"]
    assert len(of_kind("ScaledObject", "autoscaled")) == len(component("worker", "autoscaled")) == 2


def test_every_manifest_is_in_some_kustomization():
    for folder in {path.parent for path in MANIFESTS.rglob("*.yaml")}:
        kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
        files = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
        assert files <= set(kustomization.get("resources", [])), folder


def broken(kind: str, path: str, value: Any, *, instead: str | None = None) -> Object:
    """An object of the manifests with one value changed, or one field renamed to `path`'s last part."""
    changed = copy.deepcopy((of_kind(kind, "autoscaled") + of_kind(kind, MONITORING))[0])
    *parents, last = path.split(".")
    place: Any = changed
    for part in parents:
        place = place[int(part) if part.isdigit() else part]
    if instead is not None:
        value = place.pop(instead)
    place[last] = value
    return changed


POD = "spec.template.spec"
SCALING = "spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleDown"
WRONG = {
    "a misspelt field": ("Deployment", f"{POD}.terminationGracePeriodSecond", 1, "terminationGracePeriodSeconds"),
    "a misspelt field of a container": ("Deployment", f"{POD}.containers.0.readynessProbe", 1, "readinessProbe"),
    "text for a number": ("Deployment", f"{POD}.terminationGracePeriodSeconds", "300", None),
    "a number for text": ("StatefulSet", f"{POD}.containers.0.args", [1], None),
    "a misspelt policy": ("NetworkPolicy", "spec.policyType", 1, "policyTypes"),
    "a misspelt ScaledObject field": ("ScaledObject", "spec.maxReplicas", 1, "maxReplicaCount"),
    "a misspelt target": ("ScaledObject", "spec.scaleTargetRef.nam", 1, "name"),
    "a misspelt fallback": ("ScaledObject", "spec.fallback.behaviour", 1, "behavior"),
    "an unknown fallback": ("ScaledObject", "spec.fallback.behavior", "keep", None),
    "a misspelt trigger": ("ScaledObject", "spec.triggers.0.metadata.treshold", 1, "threshold"),
    "a threshold that is a number": ("ScaledObject", "spec.triggers.0.metadata.threshold", 600, None),
    "a boolean that is one": ("ScaledObject", "spec.triggers.0.metadata.ignoreNullValues", False, None),
    "another trigger": ("ScaledObject", "spec.triggers.0.type", "prometeus", None),
    "no trigger": ("ScaledObject", "spec.triggers", [], None),
    "replicas as text": ("ScaledObject", "spec.minReplicaCount", "1", None),
    "fewer than no replicas": ("ScaledObject", "spec.minReplicaCount", -1, None),
    "a misspelt behaviour": ("ScaledObject", f"{SCALING}.stabilisationWindowSeconds", 1, "stabilizationWindowSeconds"),
    "a window of days": ("ScaledObject", f"{SCALING}.stabilizationWindowSeconds", 86400, None),
    "a misspelt endpoint": ("PodMonitor", "spec.podMetricsEndpoints.0.ports", 1, "port"),
    "an interval that is a number": ("PodMonitor", "spec.podMetricsEndpoints.0.interval", 15, None),
    "no selector": ("PodMonitor", "spec.selectors", 1, "selector"),
    "a misspelt rule": ("PrometheusRule", "spec.groups.0.rules.0.expression", 1, "expr"),
    "a rule's time without a unit": ("PrometheusRule", "spec.groups.0.rules.0.for", "60", None),
    "a policy period of nothing": ("ScaledObject", f"{SCALING}.policies.0.periodSeconds", 0, None),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_mistakes_are_refused(wrong):
    kind, path, value, instead = WRONG[wrong]
    with pytest.raises(jsonschema.ValidationError):
        check(broken(kind, path, value, instead=instead), NEWEST)


def test_what_is_broken_was_whole():
    check(broken("ScaledObject", "spec.maxReplicaCount", 9), NEWEST)
    check(broken("Deployment", f"{POD}.terminationGracePeriodSeconds", 300), NEWEST)


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_the_autoscaler_keda_makes_fits_its_schema(version):
    """KEDA hands behaviour and replicas on to an HPA, whose schema is Kubernetes' own."""
    for scaled in of_kind("ScaledObject", "autoscaled"):
        spec = scaled["spec"]
        hpa = {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": f"keda-hpa-{scaled['metadata']['name']}"},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", **spec["scaleTargetRef"]},
                "minReplicas": spec["minReplicaCount"],
                "maxReplicas": spec["maxReplicaCount"],
                "behavior": spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"],
            },
        }
        kubernetes_validate.validate(hpa, version, strict=True)


# The code


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("name", "package"), [("gateway", "app"), ("worker", "workers")])
def test_every_variable_set_for_a_process_is_one_it_reads(name, package, variant):
    for workload in component(name, variant):
        ours = {variable for variable in environment(workload, variant) if variable.startswith("SMOOTHGEN_")}
        assert ours
        assert ours <= settings(package)


@pytest.mark.parametrize("variant", VARIANTS)
def test_processes_find_redis(variant):
    (service,) = (s for s in of_kind("Service", variant) if s["metadata"]["name"] == "smoothgen-redis")
    url = f"redis://:$(REDIS_PASSWORD)@{service['metadata']['name']}:{service['spec']['ports'][0]['port']}/0"
    for name in ("gateway", "worker"):
        for workload in component(name, variant):
            assert environment(workload, variant)["SMOOTHGEN_REDIS_URL"] == url
            # A value may name variables that stand before it.
            names = [variable["name"] for variable in container(workload)["env"]]
            assert names.index("REDIS_PASSWORD") < names.index("SMOOTHGEN_REDIS_URL")


@pytest.mark.parametrize("variant", VARIANTS)
def test_pods_are_given_the_time_their_processes_take_to_stop(variant):
    for name, pod in pods(variant):
        grace = pod["spec"]["terminationGracePeriodSeconds"]
        compose = {"30s": 30, "60s": 60, "150s": 150}[SERVICES[name]["stop_grace_period"]]
        assert grace == compose
    for worker in component("worker", variant):
        grace = worker["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        drain = environment(worker, variant)["SMOOTHGEN_DRAIN_TIMEOUT_S"]
        assert drain == SERVICES["worker"]["environment"]["SMOOTHGEN_DRAIN_TIMEOUT_S"]
        assert float(drain) < grace
    (gateway,) = component("gateway", variant)
    pause = container(gateway)["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert Settings.model_fields["max_wait_s"].default + pause < 150


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_variable_of_a_service_link_is_taken_for_a_setting(variant):
    """A Service called smoothgen would set SMOOTHGEN_PORT=tcp://… in every pod."""
    assert all(pod["spec"]["enableServiceLinks"] is False for _, pod in pods(variant))


def test_probes_ask_what_the_processes_answer():
    (gateway,) = component("gateway", ".")
    assert container(gateway)["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
    assert container(gateway)["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "http"}
    health = (ROOT / "app" / "routes" / "health.py").read_text()
    assert all(f'@router.get("{path}"' in health or f'    "{path}",' in health for path in ("/livez", "/readyz"))
    (worker,) = component("worker", ".")
    port = container(worker)["ports"][0]["containerPort"]
    assert environment(worker, ".")["SMOOTHGEN_METRICS_PORT"] == str(port)
    assert {container(worker)[f"{p}Probe"]["httpGet"]["port"] for p in ("startup", "readiness", "liveness")} == {
        "metrics"
    }
    assert container(worker)["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert '"/livez"' in (ROOT / "workers" / "serving" / "health.py").read_text()


# The compose file


@pytest.mark.parametrize("variant", VARIANTS)
def test_images_are_those_of_compose(variant):
    for name in ("redis", "gateway", "worker"):
        assert {container(w)["image"] for w in component(name, variant)} == {SERVICES[name]["image"]}


@pytest.mark.parametrize("variant", VARIANTS)
def test_redis_is_started_as_by_compose(variant):
    (redis,) = component("redis", variant)
    defaults = [re.sub(r"\$\{\w+:-(.*)\}", r"\1", flag) for flag in SERVICES["redis"]["command"]]
    compose = [re.sub(r"\$\{(\w+):\?.*\}", r"$(\1)", flag) for flag in defaults]
    assert container(redis)["args"] == compose
    assert ["CMD", *container(redis)["readinessProbe"]["exec"]["command"]] == SERVICES["redis"]["healthcheck"]["test"]
    # A rewrite of the append-only file may double what Redis holds.
    most = bytes_of(compose[compose.index("--maxmemory") + 1])
    assert bytes_of(container(redis)["resources"]["limits"]["memory"]) > 2 * most
    (claim,) = redis["spec"]["volumeClaimTemplates"]
    assert bytes_of(claim["spec"]["resources"]["requests"]["storage"]) > 2 * most


def test_workers_serve_what_they_serve_under_compose():
    (worker,) = component("worker", ".")
    compose = re.fullmatch(r"\$\{\w+:-(.*)\}", SERVICES["worker"]["environment"]["SMOOTHGEN_MODELS"])
    assert environment(worker, ".")["SMOOTHGEN_MODELS"] == compose[1]


# Each other


@pytest.mark.parametrize("variant", VARIANTS)
def test_names_lead_somewhere(variant):
    services = {s["metadata"]["name"]: s for s in of_kind("Service", variant)}
    configs = {c["metadata"]["name"] for c in of_kind("ConfigMap", variant)}
    for service in services.values():
        (name,) = selected(service["spec"]["selector"], variant)
        assert service["metadata"]["name"] == f"smoothgen-{name}"
    for name, pod in pods(variant):
        (only,) = pod["spec"]["containers"]
        assert {source["configMapRef"]["name"] for source in only.get("envFrom", [])} <= configs
        mounted = {mount["name"] for mount in only["volumeMounts"]}
        claims = {"data"} if name == "redis" else set()
        assert mounted == {volume["name"] for volume in pod["spec"].get("volumes", [])} | claims
        ports = {port["name"]: port["containerPort"] for port in only["ports"]}
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            asked = only.get(probe, {}).get("httpGet")
            assert asked is None or asked["port"] in ports
        annotations = pod["metadata"].get("annotations", {})
        assert (annotations.get("prometheus.io/scrape") == "true") == (name != "redis")
        if name != "redis":
            assert int(annotations["prometheus.io/port"]) in ports.values()
        if name != "worker":
            assert services[f"smoothgen-{name}"]["spec"]["ports"][0]["targetPort"] in ports


@pytest.mark.parametrize("variant", VARIANTS)
def test_selectors_keep_deployments_apart(variant):
    workloads = [w for name in ("redis", "gateway", "worker") for w in component(name, variant)]
    for workload in workloads:
        labels = workload["spec"]["selector"]["matchLabels"].items()
        theirs = [w for w in workloads if labels <= w["spec"]["template"]["metadata"]["labels"].items()]
        assert theirs == [workload]


def policy_of(name: str, variant: str) -> Object:
    """The one policy that selects a part, and that part alone."""
    found = [(selected(p["spec"]["podSelector"]["matchLabels"], variant), p) for p in of_kind("NetworkPolicy", variant)]
    (policy,) = (policy for parts, policy in found if parts == {name})
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    return policy


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_part_has_a_policy_and_reaches_redis_and_names_alone(variant):
    for name in ("gateway", "worker"):
        to_redis, to_names = policy_of(name, variant)["spec"]["egress"]
        (peer,) = to_redis["to"]
        assert selected(peer["podSelector"]["matchLabels"], variant) == {"redis"}
        assert [port["port"] for port in to_redis["ports"]] == [6379]
        assert {(port["protocol"], port["port"]) for port in to_names["ports"]} == {("UDP", 53), ("TCP", 53)}
        (rule,) = policy_of(name, variant)["spec"]["ingress"]
        for workload in component(name, variant):
            ports = [port["containerPort"] for port in container(workload)["ports"]]
            assert [port["port"] for port in rule["ports"]] == ports


@pytest.mark.parametrize("variant", VARIANTS)
def test_only_gateways_and_workers_reach_redis(variant):
    policy = policy_of("redis", variant)
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert "egress" not in policy["spec"]
    (rule,) = policy["spec"]["ingress"]
    (peer,) = rule["from"]
    assert peer.keys() == {"podSelector"}, "pods of this namespace only"
    (expression,) = peer["podSelector"]["matchExpressions"]
    assert expression["key"] == "app.kubernetes.io/component"
    assert (expression["operator"], set(expression["values"])) == ("In", {"gateway", "worker"})
    (redis,) = component("redis", variant)
    assert [port["port"] for port in rule["ports"]] == [p["containerPort"] for p in container(redis)["ports"]]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_drained_node_takes_one_pod_of_each_deployment(variant):
    budgets = of_kind("PodDisruptionBudget", variant)
    for name in ("gateway", "worker"):
        for workload in component(name, variant):
            labels = workload["spec"]["template"]["metadata"]["labels"]
            (budget,) = (b for b in budgets if b["spec"]["selector"]["matchLabels"].items() <= labels.items())
            assert budget["spec"]["maxUnavailable"] == 1
            (spread,) = workload["spec"]["template"]["spec"]["topologySpreadConstraints"]
            assert spread["labelSelector"]["matchLabels"].items() <= labels.items()
            assert spread["labelSelector"]["matchLabels"] == budget["spec"]["selector"]["matchLabels"]
    for workload in component("gateway", variant):
        assert workload["spec"]["replicas"] > 1


def test_pod_monitors_select_what_publishes_metrics():
    for monitor in of_kind("PodMonitor", MONITORING):
        (name,) = selected(monitor["spec"]["selector"]["matchLabels"], ".")
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        (workload,) = component(name, ".")
        assert endpoint["port"] in {port["name"] for port in container(workload)["ports"]}


def test_the_operators_alerts_are_those_of_prometheus():
    (rule,) = of_kind("PrometheusRule", MONITORING)
    assert rule["spec"] == yaml.safe_load((ROOT / "docker" / "prometheus" / "rules.yml").read_text())


@pytest.mark.parametrize("variant", VARIANTS)
def test_new_pods_serve_before_old_ones_stop(variant):
    for workload in component("gateway", variant) + component("worker", variant):
        assert workload["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


# Safety


@pytest.mark.parametrize("variant", VARIANTS)
def test_pods_keep_to_the_restricted_security_standard(variant):
    for _, pod in pods(variant):
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not spec.keys() & {"hostNetwork", "hostPID", "hostIPC"}
        (only,) = spec["containers"]
        assert only["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert only["resources"]["requests"].keys() <= {"cpu", "memory"}
        assert "memory" in only["resources"]["limits"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_secrets_are_named_and_are_not_in_the_repository(variant):
    assert of_kind("Secret", variant) == []
    asked = {"gateway": ["REDIS_PASSWORD", "SMOOTHGEN_API_KEYS"], "worker": ["REDIS_PASSWORD"]}
    for name, variables in (asked | {"redis": ["REDIS_PASSWORD"]}).items():
        for workload in component(name, variant):
            named = {v["name"]: v["valueFrom"] for v in container(workload)["env"] if "valueFrom" in v}
            secrets = {
                variable: source["secretKeyRef"] for variable, source in named.items() if "secretKeyRef" in source
            }
            assert list(secrets) == variables
            for reference in secrets.values():
                assert not reference.get("optional")
                assert f"create secret generic {reference['name']} " in PAGE
                assert f"--from-literal={reference['key']}=" in PAGE


# Scaling


def models(workload: Object, variant: str) -> list[str]:
    return json.loads(environment(workload, variant)["SMOOTHGEN_MODELS"])


def test_a_scaled_object_has_a_deployment_that_serves_the_model_it_asks_for():
    workers = {w["metadata"]["name"]: w for w in component("worker", "autoscaled")}
    targets = []
    for scaled in of_kind("ScaledObject", "autoscaled"):
        target = scaled["spec"]["scaleTargetRef"]["name"]
        targets.append(target)
        assert "replicas" not in workers[target]["spec"], "an apply would undo the scaling"
        (trigger,) = scaled["spec"]["triggers"]
        asked = re.findall(r'model="([^"]+)"', trigger["metadata"]["query"])
        assert asked == models(workers[target], "autoscaled")
        assert target == f"smoothgen-worker-{asked[0]}"
    assert sorted(targets) == sorted(workers)


def test_replica_counts_and_fallbacks_are_in_order():
    for scaled in of_kind("ScaledObject", "autoscaled"):
        spec = scaled["spec"]
        assert 1 <= spec["minReplicaCount"] <= spec["fallback"]["replicas"] <= spec["maxReplicaCount"]
        behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        assert behavior["scaleDown"]["stabilizationWindowSeconds"] > behavior["scaleUp"]["stabilizationWindowSeconds"]
        (trigger,) = spec["triggers"]
        # The fallback needs an error, and AverageValue, which is KEDA's default.
        assert trigger["metadata"]["ignoreNullValues"] == "false"
        assert "metricType" not in trigger


def test_queries_name_metrics_of_the_gateway():
    source = (ROOT / "app" / "metrics.py").read_text()
    published = dict(re.findall(r'"(smoothgen_\w+)",\s*"[^"]*"(?:,\s*\[([^\]]*)\])?', source))
    for scaled in of_kind("ScaledObject", "autoscaled"):
        query = scaled["spec"]["triggers"][0]["metadata"]["query"]
        assert "smoothgen_queue_samples" in query
        assert set(re.findall(r"smoothgen_\w+", query)) <= published.keys()
        for name, matchers in re.findall(r"(smoothgen_\w+)\{(.*?)\}", query):
            assert set(re.findall(r"(\w+)=", matchers)) <= set(re.findall(r"\w+", published[name]))


def test_the_documentation_names_metrics_that_exist():
    assert set(re.findall(r"smoothgen_[a-z_]+", PAGE)) <= metrics()


def test_thresholds_are_documented():
    for scaled in of_kind("ScaledObject", "autoscaled"):
        threshold = scaled["spec"]["triggers"][0]["metadata"]["threshold"]
        assert re.search(rf"\b{threshold}\b", PAGE)


def on_a_gpu(worker: Object, variant: str) -> bool:
    gpus = container(worker)["resources"]["limits"].get("nvidia.com/gpu")
    assert gpus in (None, 1)
    assert environment(worker, variant)["SMOOTHGEN_DEVICE"] == ("cpu" if gpus is None else "cuda")
    return gpus == 1


def test_gpu_workers_have_one_gpu_each():
    assert all(on_a_gpu(worker, "gpu") for worker in component("worker", "gpu"))
    for variant in (".", "autoscaled"):
        assert not any(on_a_gpu(worker, variant) for worker in component("worker", variant))
    other = {"Deployment", "ConfigMap"}
    assert [o for o in rendered("gpu") if o["kind"] not in other] == [
        o for o in rendered(".") if o["kind"] not in other
    ]


# The documentation


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder of the operator's with a copy of the repository's manifests in it."""
    shutil.copytree(MANIFESTS, tmp_path / "smoothgen" / "docker" / "kubernetes")
    return tmp_path


def test_the_overlay_of_the_documentation_renders(checkout):
    (overlay,) = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    (checkout / "kustomization.yaml").write_text(overlay)
    found = rendered_from(checkout)
    for each in found:
        check(each, NEWEST)
        assert each["metadata"]["namespace"] == "smoothgen"
    (worker,) = (o for o in found if o["kind"] == "Deployment" and o["metadata"]["name"] == "smoothgen-worker")
    assert worker["spec"]["replicas"] == 4
    (merged,) = (o["data"] for o in found if o["metadata"]["name"].startswith("smoothgen-worker-"))
    assert merged["SMOOTHGEN_BATCH_SIZE"] == "32"
    assert merged.keys() > {"SMOOTHGEN_MODELS", "SMOOTHGEN_BATCH_SIZE"}
    assert container(worker)["image"] == "YOURS/smoothgen-worker:0.1.0"
    assert container(worker)["resources"]["requests"]["cpu"] == "8"


def test_autoscaled_workers_can_be_put_on_gpus(checkout):
    folder = checkout / "smoothgen" / "docker" / "kubernetes" / "autoscaled"
    line = "components: [../components/gpu]"
    assert line in (folder / "kustomization.yaml").read_text()
    assert line in PAGE
    with (folder / "kustomization.yaml").open("a") as kustomization:
        kustomization.write(f"\n{line}\n")
    workers = [o for o in rendered_from(folder) if o["metadata"]["name"].startswith("smoothgen-worker-")]
    deployments = [worker for worker in workers if worker["kind"] == "Deployment"]
    assert len(deployments) == 2
    for deployment in deployments:
        check(deployment, NEWEST)
        assert container(deployment)["resources"]["limits"]["nvidia.com/gpu"] == 1
        assert {"name": "SMOOTHGEN_DEVICE", "value": "cuda"} in container(deployment)["env"]


def test_the_documentation_names_what_exists():
    named = re.findall(r"apply -k (\S+)", PAGE)
    assert {str(Path(folder).relative_to("docker/kubernetes")) for folder in named} == {*VARIANTS, MONITORING}
    objects = {o["metadata"]["name"] for variant in VARIANTS for o in rendered(variant)}
    assert set(re.findall(r"(?:deployment|service|scaledobject)[ /](smoothgen-[\w-]+)", PAGE)) <= objects
    variables = settings("app") | settings("workers")
    assert set(re.findall(r"SMOOTHGEN_[A-Z_]+", PAGE)) <= variables
    for version in (OLDEST, NEWEST):
        assert version in PAGE
