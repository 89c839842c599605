"""The deployment files say what the service understands."""

import json
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())


def test_compose_keeps_what_the_store_acknowledged() -> None:
    command = COMPOSE["services"]["store"]["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert options["--appendonly"] == "yes"
    assert options["--maxmemory-policy"] == "noeviction"
    assert COMPOSE["services"]["store"]["volumes"] == ["store:/data"]


def test_compose_refuses_to_start_without_keys_and_binds_loopback() -> None:
    couple = COMPOSE["services"]["couple"]
    assert couple["environment"]["COUPLE_KEYS"].startswith("${COUPLE_KEYS:?")
    assert all(port.startswith("127.0.0.1:") for port in couple["ports"])


def test_the_image_runs_as_nobody_in_particular_and_knows_its_health() -> None:
    lines = (ROOT / "Dockerfile").read_text()
    final = lines[lines.rindex("\nFROM ") :]
    assert "\nUSER couple\n" in final
    assert "HEALTHCHECK" in final
    assert "/readyz" in final
    assert "torch" not in lines.replace("no torch", "")


def test_the_example_keys_have_the_shape_the_settings_take() -> None:
    line = next(
        line
        for line in (ROOT / "deploy" / ".env.example").read_text().splitlines()
        if line.startswith("COUPLE_KEYS=")
    )
    keys = json.loads(line.removeprefix("COUPLE_KEYS=").strip("'"))
    assert [set(key) for key in keys] == [{"name", "sha256", "scopes"}] * 2


def test_compose_asks_for_nothing_that_the_example_lacks() -> None:
    """Every variable that must be set, and every file that is mounted."""
    text = (ROOT / "deploy" / "compose.yaml").read_text()
    example = (ROOT / "deploy" / ".env.example").read_text()
    for name in re.findall(r"\$\{(\w+):\?", text):
        assert f"\n{name}=" in example, name
    mounts = re.findall(r"- (\./\S+?):", text)
    assert mounts
    for mounted in mounts:
        assert (ROOT / "deploy" / mounted).is_file(), mounted
    for service in COMPOSE["services"].values():
        assert not service.get("image", "").endswith(":latest")
        assert ":" in service.get("image", ":")


def test_prometheus_asks_the_service_and_grafana_asks_prometheus() -> None:
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yaml").read_text())
    (job,) = config["scrape_configs"]
    assert (job["job_name"], job["static_configs"]) == ("couple", [{"targets": ["couple:8000"]}])
    source = yaml.safe_load((ROOT / "deploy" / "grafana" / "source.yaml").read_text())
    assert source["datasources"][0]["url"] == "http://prometheus:9090"
    assert {"couple", "prometheus"} <= COMPOSE["services"].keys()
