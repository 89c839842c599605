"""The Kubernetes manifests are valid, fit one another, and say what the service understands."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from service.settings import PREFIX, Settings

FOLDER = Path(__file__).parent.parent / "deploy" / "kubernetes"
OLDEST = "1.30"  # of the versions of Kubernetes that the manifests are for
NEWEST = kubernetes_validate.latest_version()


def kustomization(folder: Path) -> Any:
    return yaml.safe_load((folder / "kustomization.yaml").read_text())


def documents(folder: Path) -> list[Any]:
    files = kustomization(folder)["resources"]
    return [one for name in files for one in yaml.safe_load_all((folder / name).read_text())]


BASE = documents(FOLDER / "base")


def one(kind: str, name: str = "couple") -> Any:
    (found,) = (d for d in BASE if d["kind"] == kind and d["metadata"]["name"] == name)
    return found


POD = one("Deployment")["spec"]["template"]
(CONTAINER,) = POD["spec"]["containers"]
VARIABLES = {variable["name"]: variable.get("value") for variable in CONTAINER["env"]}


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("document", BASE, ids=lambda d: f"{d['kind']}-{d['metadata']['name']}")
def test_each_manifest_is_of_its_schema(document: Any, version: str) -> None:
    """Every field known, of its type: strictly."""
    kubernetes_validate.validate(document, version, strict=True)


def test_a_manifest_that_is_not_is_noticed() -> None:
    """The validation is no formality."""
    wrong = {**one("Service"), "specs": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, NEWEST, strict=True)


def test_every_file_is_part_of_it() -> None:
    for folder in (FOLDER / "base", FOLDER / "production"):
        told = kustomization(folder)
        named = {*told["resources"], *(patch["path"] for patch in told.get("patches", ()))}
        files = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
        assert named - {"../base"} == files


def test_what_the_patches_name_is_there() -> None:
    """Of the same kind and name, and an image that a container has."""
    told = kustomization(FOLDER / "production")
    for patch in told["patches"]:
        document = yaml.safe_load((FOLDER / "production" / patch["path"]).read_text())
        one(document["kind"], document["metadata"]["name"])
    assert [image["name"] for image in told["images"]] == [CONTAINER["image"]]


def test_selectors_find_the_pods() -> None:
    """Those of the service, the budget and the spread, and the scaler its deployment."""
    labels = POD["metadata"]["labels"]
    deployment = one("Deployment")
    (spread,) = POD["spec"]["topologySpreadConstraints"]
    assert one("Service")["spec"]["selector"] == labels
    for selector in (
        deployment["spec"]["selector"],
        one("PodDisruptionBudget")["spec"]["selector"],
        spread["labelSelector"],
    ):
        assert selector == {"matchLabels": labels}
    target = one("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", "couple")
    store = one("StatefulSet", "couple-store")["spec"]["template"]["metadata"]["labels"]
    assert one("Service", "couple-store")["spec"]["selector"] == store
    network = one("NetworkPolicy", "couple-store")["spec"]
    assert network["podSelector"]["matchLabels"] == store
    assert network["ingress"][0]["from"][0]["podSelector"]["matchLabels"] == labels


def test_variables_are_settings_and_make_sense() -> None:
    given = {name.removeprefix(PREFIX).lower(): value for name, value in VARIABLES.items() if value}
    assert Settings(**given).redis_url.get_secret_value() == "redis://couple-store:6379/0"
    assert all(name.removeprefix(PREFIX).lower() in Settings.model_fields for name in VARIABLES)


def test_a_rolling_update_fails_no_request() -> None:
    """The next is ready before the last one goes, which has time to say so and to finish."""
    rolling = one("Deployment")["spec"]["strategy"]["rollingUpdate"]
    assert rolling == {"maxUnavailable": 0, "maxSurge": 1}
    probe = CONTAINER["readinessProbe"]
    notice_s = int(VARIABLES["COUPLE_LEAVE_NOTICE_MS"] or 0) / 1000
    assert notice_s > 2 * probe["periodSeconds"] * probe["failureThreshold"]
    finish_s = int(VARIABLES["COUPLE_SHUTDOWN_TIMEOUT_S"] or 0)
    assert POD["spec"]["terminationGracePeriodSeconds"] >= notice_s + finish_s + 5


def test_probes_ask_what_is_there() -> None:
    """Ready decides on traffic, live on restarts; a store that is away must restart nothing."""
    paths = {key: CONTAINER[key]["httpGet"]["path"] for key in CONTAINER if key.endswith("Probe")}
    assert paths == {
        "startupProbe": "/readyz",
        "readinessProbe": "/readyz",
        "livenessProbe": "/livez",
    }
    assert CONTAINER["ports"][0]["containerPort"] == Settings.model_fields["port"].default


def test_the_store_keeps_what_it_acknowledged() -> None:
    (store,) = one("StatefulSet", "couple-store")["spec"]["template"]["spec"]["containers"]
    options = dict(zip(store["args"][1::2], store["args"][2::2], strict=True))
    assert (options["--appendonly"], options["--maxmemory-policy"]) == ("yes", "noeviction")
    assert store["volumeMounts"] == [{"name": "data", "mountPath": "/data"}]


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_containers_may_do_little(kind: str) -> None:
    """Not root, no new privileges, no capability, nothing to write but its volumes."""
    (found,) = (document for document in BASE if document["kind"] == kind)
    pod = found["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "memory" in container["resources"]["limits"]
