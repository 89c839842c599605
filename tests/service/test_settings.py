"""Settings: documented to the last one, refused in a sentence, the same in every worker."""

import re
from pathlib import Path
from typing import Any

import pytest

from bundle import CoupleError
from service.errors import KeysMissing, SettingsRefused
from service.settings import Key, Settings, check_exposure

TABLE = Path(__file__).parents[2] / "docs" / "settings.md"
ROW = re.compile(r"^\| `COUPLE_(\w+)` \| (.*) \| (.*) \|$", re.MULTILINE)
KEY = {"name": "pipeline", "sha256": "0" * 64, "scopes": ["ingest"]}


def shown(default: Any) -> str:
    return "\N{EN DASH}" if default in (None, ()) else f"`{default}`"


def test_the_table_is_the_class() -> None:
    """Every setting once, in order, with its default and its meaning."""
    documented = ROW.findall(TABLE.read_text())
    assert documented == [
        (name.upper(), shown(field.default), field.description)
        for name, field in Settings.model_fields.items()
    ]


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arguments win over it."""
    monkeypatch.setenv("COUPLE_PORT", "9000")
    monkeypatch.setenv("COUPLE_HISTORY_LENGTH", "7")
    settings = Settings(port=9001)
    assert (settings.port, settings.history_length) == (9001, 7)


def test_a_worker_reads_what_the_parent_had(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The environment carries every setting, the password of the URL included."""
    url = "redis://:secret@store:6380/1"
    settings = Settings(bundle=tmp_path, redis_url=url, keys=(KEY,), log_retention_s=1.5)
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    again = Settings()
    assert again == settings
    assert again.redis_url.get_secret_value() == url


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("PORT", "none", "COUPLE_PORT: Input should be a valid integer"),
        ("PORT", "70000", "COUPLE_PORT: Input should be less than or equal to 65535"),
        ("HISTORY_LENGTH", "0", "COUPLE_HISTORY_LENGTH: Input should be greater"),
        (
            "REDIS_URL",
            "secret",
            "COUPLE_REDIS_URL: Input should be a URL that begins with redis://",
        ),
        ("REDIS_URL", "redis://store:secret", "COUPLE_REDIS_URL: Input should be a URL"),
        ("REDIS_URL", "redis+cluster://secret", "COUPLE_REDIS_URL: Input should be a URL"),
        ("HISTORIES_URL", "http://secret", "rediss://, unix://, redis+cluster://"),
        ("KEYS", "secret", "COUPLE_KEYS is not a JSON list"),
        ("KEYS", '[{"name":"a","sha256":"secret","scopes":[]}]', "COUPLE_KEYS.0.sha256: String"),
        ("KEYS", f'[{{"name":"a","sha256":"{"0" * 64}","scopes":["all"]}}]', "COUPLE_KEYS.0.scope"),
    ],
)
def test_a_value_that_makes_no_sense_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    """One sentence with the variable and where to look, without the value."""
    monkeypatch.setenv(f"COUPLE_{name}", value)
    with pytest.raises(SettingsRefused, match=re.escape(message)) as refusal:
        Settings()
    assert str(refusal.value).endswith("; see docs/settings.md")
    assert "secret" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_passwords_and_digests_are_not_shown() -> None:
    """What `couple config show` and logs print."""
    settings = Settings(redis_url="redis://me:secret@store/0", keys=(KEY,))
    assert str(settings.redis_url) == "redis://me:***@store/0"
    assert "secret" not in repr(settings)
    assert "0" * 64 not in str(settings.keys)
    assert str(Settings(redis_url="unix:///run/store.sock").redis_url) == "unix:///run/store.sock"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_without_keys_a_loopback_address_may_be_bound(host: str) -> None:
    check_exposure(Settings(host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.com"])  # noqa: S104
def test_an_open_address_needs_keys(host: str) -> None:
    """Refused without, taken with."""
    with pytest.raises(KeysMissing, match=f"not {re.escape(host)}: set COUPLE_KEYS") as refusal:
        check_exposure(Settings(host=host))
    assert isinstance(refusal.value, CoupleError)
    check_exposure(Settings(host=host, keys=(Key.model_validate(KEY),)))
