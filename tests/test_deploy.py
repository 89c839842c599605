"""The deployment files say what the service understands."""

import json
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
