"""Every command that README and docs show works as shown."""

import hashlib
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from torch.distributed.run import get_args_parser

from tests.e2e.running import COUPLE, Service, serving

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
PYTHON = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
EXTRA = re.compile(r"'\.\[([a-z]+)\]'")
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")

# Commands whose effect lies outside this project; that they are spelled well is all we can say.
FOREIGN = {"cp", "curl", "docker", "export", "git", "key=$(openssl", "kubectl", "printf"}


def commands(program: str) -> list[str]:
    """The commands of all pages that run `program`, each once."""
    return list(dict.fromkeys(line for line in _commands() if _program(line) == program))


def _commands() -> Iterator[str]:
    """Lines that go on joined, quotes that span lines too; comments left out."""
    for page in PAGES:
        for block in BLOCK.findall(page.read_text()):
            begun = ""
            for line in block.replace("\\\n", " ").splitlines():
                begun = f"{begun}\n{line}".lstrip()
                if _whole(begun):
                    yield begun.partition(" #")[0].strip() if begun[0] != "#" else ""
                    begun = ""


def _whole(command: str) -> bool:
    try:
        return bool(command) and shlex.split(command, comments=True) is not None
    except ValueError:  # a quote is open
        return False


def _program(line: str) -> str:
    words = [word for word in line.split() if not re.match(r"COUPLE_\w+=", word)]
    return words[0].removeprefix(".venv/bin/") if words else ""


@pytest.mark.parametrize("command", commands("couple") + commands("torchrun"))
def test_each_couple_command_takes_the_options_shown(command: str) -> None:
    words = shlex.split(command.partition("couple ")[2])
    names = [word for word in words[:2] if re.fullmatch(r"[a-z]+", word)]
    for depth in range(len(names), 0, -1):  # `couple bundle verify`, but `couple data NAME`
        shown = subprocess.run([*COUPLE, *names[:depth], "--help"], capture_output=True, text=True)
        if shown.returncode == 0:
            break
    assert shown.returncode == 0, shown.stderr
    unknown = {word for word in words if word.startswith("--")} - set(shown.stdout.split())
    assert not unknown


def test_torchrun_takes_the_options_shown() -> None:
    """And starts the module `couple`."""
    shown = commands("torchrun")
    assert shown
    for command in shown:
        found = get_args_parser().parse_args(shlex.split(command)[1:])
        assert (found.module, found.training_script) == (True, "couple")


@pytest.mark.parametrize("command", commands("make"))
def test_each_make_target_exists(command: str) -> None:
    result = subprocess.run([*command.split(), "--dry-run"], cwd=ROOT, capture_output=True)
    assert result.returncode == 0, result.stderr.decode()


def test_no_page_shows_a_command_that_nothing_here_checks() -> None:
    known = {"couple", "make", "", "python", "pip", "torchrun", *FOREIGN}
    shown = {_program(line) for line in _commands()}
    assert shown <= known


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("docs") / "store") as running:
        yield running


def test_each_curl_works_in_the_order_shown(service: Service) -> None:
    shown = commands("curl")
    assert shown, "the README shows how to call the API"
    for command in shown:
        words = shlex.split(command.replace("http://127.0.0.1:8000", service.url))
        result = subprocess.run([*words, "--fail-with-body", "-sS"], capture_output=True, text=True)
        assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"


@pytest.mark.parametrize(
    "program",
    [block for page in PAGES for block in PYTHON.findall(page.read_text())],
    ids=lambda program: program.split("\n", 1)[0],
)
def test_each_program_runs(service: Service, program: str) -> None:
    """As it stands, against a service that has no keys."""
    here = program.replace("http://127.0.0.1:8000", service.url)
    result = subprocess.run([sys.executable, "-W", "error", "-c", here], capture_output=True)
    assert result.returncode == 0, result.stderr.decode()
    assert result.stdout


def test_the_table_of_sizing_is_what_its_program_prints() -> None:
    """So constants, formulas and examples on that page cannot part."""
    page = (ROOT / "docs" / "sizing.md").read_text()
    (program,) = PYTHON.findall(page)
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert printed.stdout.count("\n") == 2 + 6 * 4
    assert f"\n\n{printed.stdout}\n" in page


def test_the_recipe_makes_a_key_and_its_digest() -> None:
    """What the shell prints is the sha256 of the key that it made."""
    (recipe,) = (
        block
        for block in BLOCK.findall((ROOT / "docs" / "settings.md").read_text())
        if "openssl" in block
    )
    result = subprocess.run(
        ["bash", "-euc", recipe + 'echo "$key"'], capture_output=True, text=True, check=True
    )
    digest, key = result.stdout.split()
    assert hashlib.sha256(key.encode()).hexdigest() == digest


def test_each_install_names_extras_that_exist() -> None:
    """In prose too. pip itself is not run: it would ask a registry."""
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = {extra for page in PAGES for extra in EXTRA.findall(page.read_text())}
    assert {"report", "drain"} <= named
    assert named <= known.keys()
    for command in commands("pip"):
        words = shlex.split(command)
        assert words[:2] == ["pip", "install"]
        assert all(EXTRA.search(shlex.quote(word)) for word in words[2:]), command


def test_what_compose_is_given_is_a_compose_file() -> None:
    """Parsed only: there is no container engine where the tests run."""
    shown = [shlex.split(line) for line in commands("docker")]
    assert shown
    for words in shown:
        assert words[1:3] == ["compose", "-f"]
        content = yaml.safe_load((ROOT / words[3]).read_text())
        assert content.keys() <= {"name", "services", "volumes", "networks", "secrets", "configs"}
        assert all({"image", "build"} & one.keys() for one in content["services"].values())


def test_what_kubectl_makes_is_what_the_manifests_use() -> None:
    """The namespace, the secret's name and key, and the folder of kustomize; kubectl is not run."""
    namespace, secret, applied = (shlex.split(line) for line in commands("kubectl"))
    folder = ROOT / applied[applied.index("--kustomize") + 1]
    told = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert [namespace[-1], secret[secret.index("--namespace") + 1]] == [told["namespace"]] * 2
    name, literal = secret[secret.index("generic") + 1 :]
    key = literal.removeprefix("--from-literal=").partition("=")[0]
    deployment = (ROOT / "deploy" / "kubernetes" / "base" / "deployment.yaml").read_text()
    assert f"secretKeyRef: {{name: {name}, key: {key}}}" in deployment


def test_files_that_commands_name_are_there() -> None:
    """Of what only foreign programs read: compose files, manifests, the keys' example."""
    shown = [line for program in ("cp", "docker", "kubectl") for line in commands(program)]
    named = {word for line in shown for word in shlex.split(line) if word.startswith("deploy/")}
    assert named - {"deploy/.env"}
    for path in named - {"deploy/.env"}:
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"
