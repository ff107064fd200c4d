"""The documents: links lead somewhere, commands are those that there are, and decisions are short."""

import json
import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from localstack.up import _DEFAULT_PORTS
from tooling import documents
from tooling.documents import RUN_ELSEWHERE, RUN_HERE, Block
from tooling.machine import PANGO, PYTHON_VERSION, TERRAFORM_VERSION
from tooling.paths import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
# Pages of GitHub's own, relative to the repository's.
OF_GITHUB = {"../../security/advisories/new"}
DECISION_LINES = 60


@pytest.mark.parametrize("document", documents.documents())
def test_links_lead_somewhere(document: str) -> None:
    for link in documents.links(document):
        if link.target in OF_GITHUB:
            continue
        url = urlsplit(link.target)
        if url.scheme:
            assert url.scheme == "https", link
            assert re.fullmatch(r"[a-z0-9.-]+\.[a-z]{2,}", url.netloc), link
            continue
        path = (ROOT / document).parent / url.path if url.path else ROOT / document
        assert path.exists(), f"{document}: {link.target} is not there"
        if url.fragment:
            there = documents.anchors(str(path.resolve().relative_to(ROOT)))
            assert url.fragment in there, f"{document}: {link.target}: the headings are {sorted(there)}"


def test_there_are_links_and_anchors_as_github_makes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.md").write_text(
        "# The `make` way\n## A b, c\n## A b, c\n[x](b.md#d) ![y](z.png)\n```\n[no](n)\n```\n"
    )
    monkeypatch.setattr(documents, "ROOT", tmp_path)
    assert documents.anchors("a.md") == {"the-make-way", "a-b-c", "a-b-c-1"}
    assert [link.target for link in documents.links("a.md")] == ["b.md#d", "z.png"]


def test_what_documents_name_in_code_is_there() -> None:
    for document in documents.documents():
        if document == "docs/api.md":
            continue
        text = (ROOT / document).read_text()
        for path in re.findall(
            r"`((?:docs|e2e|functions|common|localstack|release|terraform|tests|templates)/[\w./-]+)`", text
        ):
            there = [folder / path for folder in (ROOT, (ROOT / document).parent)]
            assert any(place.exists() for place in there), f"{document} names {path}"


def targets() -> dict[str, set[str]]:
    """The targets of the Makefile, with the variables that each takes."""
    found: dict[str, set[str]] = {}
    for match in re.finditer(r"^([a-z0-9-]+):(.*)\n((?:\t.*\n|(?:ifeq|else|endif).*\n)*)", MAKEFILE, re.MULTILINE):
        name, line, recipe = match.groups()
        used = re.findall(r"\$\(([A-Z_]+)[):]|\$\$([A-Z_]+)", recipe)
        found[name] = {word for pair in used for word in pair if word} | set(re.findall(r"\b([A-Z_]{2,})=", line))
    return found


def make_calls(command: str) -> list[list[str]]:
    """The words of each call of make in a command."""
    return [call.split() for call in re.findall(r"\bmake ([a-z][^|;)\"]*)", command)]


@pytest.mark.parametrize(
    "block", documents.command_blocks(), ids=lambda block: f"{block.document}: {block.commands[0][:40]}"
)
def test_commands_are_those_that_there_are(block: Block) -> None:
    for command in block.commands:
        for target, *variables in make_calls(command):
            assert target in targets(), f"{block.document}: there is no make {target}"
            for variable in variables:
                name = variable.partition("=")[0]
                assert name in targets()[target], f"{block.document}: make {target} takes no {name}"


def test_targets_in_sentences_are_those_that_there_are() -> None:
    for document in documents.documents():
        for target in re.findall(r"`make ([a-z0-9-]+)", (ROOT / document).read_text()):
            assert target in targets(), f"{document}: there is no make {target}"


def test_the_makefile_is_read_as_make_reads_it() -> None:
    assert targets()["promote"] == {"PYTHON", "TO", "RELEASE", "APPROVALS"}
    assert {"PORT", "CART_PORT", "SMTP_PORT", "ENGINE", "RELEASE_DIR"} <= targets()["up"]
    assert {"QUEUE", "TARGET"} <= targets()["redrive"]
    assert make_calls("TOKEN=$(make token EMAIL=a@b.c) && A=1 make e2e TARGET=dev | make help") == [
        ["token", "EMAIL=a@b.c"],
        ["e2e", "TARGET=dev"],
        ["help"],
    ]


def test_every_command_is_run_somewhere() -> None:
    commands = [(block.document, command) for block in documents.command_blocks() for command in block.commands]
    for document, command in commands:
        known = [*(start for start in RUN_HERE if command.startswith(start))]
        known += [start for start in RUN_ELSEWHERE if command.startswith(start)]
        assert known, f"{document}: nothing runs `{command}`: see RUN_HERE and RUN_ELSEWHERE in tooling/documents.py"
    for start in (*RUN_HERE, *RUN_ELSEWHERE):
        assert any(command.startswith(start) for _, command in commands), f"no document has `{start}` any more"
    for where in RUN_ELSEWHERE.values():
        for path in where.partition(":")[0].split(", "):
            assert (ROOT / path).exists(), path


def test_a_reader_is_asked_for_the_address_that_make_up_printed() -> None:
    asked = [
        url
        for block in documents.command_blocks()
        if documents.runs_here(block)
        for command in block.commands
        for url in re.findall(r"http://[^\s\"]*execute-api[^\s\"]*", command)
    ]
    assert asked
    assert all(url.startswith(f"{documents.shown_api()}/") for url in asked)


def test_readme_shows_the_targets_as_they_are() -> None:
    listed = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=20
    ).stdout
    shown = next(content for _, content in documents.blocks("README.md") if content.startswith("$ make help\n"))
    assert shown.removeprefix("$ make help\n") == listed


@pytest.mark.parametrize("decision", [path for path in documents.documents() if "/decisions/" in path])
def test_a_decision_is_a_page_with_context_options_and_choice(decision: str) -> None:
    text = (ROOT / decision).read_text()
    assert len(text.splitlines()) <= DECISION_LINES
    parts = [text.find(f"**{part}.**") for part in ("Context", "Options", "Choice")]
    assert -1 not in parts
    assert parts == sorted(parts)
    number = int(Path(decision).name[:4])
    assert text.startswith(f"# {number}. ")


def test_bash_completes_the_targets() -> None:
    (line,) = [content for language, content in documents.blocks("CONTRIBUTING.md") if language == "bash"]
    script = f'{line}\ncomplete -p make\ncompgen -W "$(complete -p make | cut -d"\'" -f2)" -- rel'
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout.splitlines()[-2:] == ["release", "release-verify"]


def test_the_devcontainer_has_what_the_machine_must_have() -> None:
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    python = ".".join(map(str, PYTHON_VERSION))
    assert re.search(rf":{python}-", container["image"])
    (terraform,) = [options for feature, options in container["features"].items() if "/terraform:" in feature]
    assert tuple(map(int, terraform["version"].split(".")[:2])) >= TERRAFORM_VERSION
    installed = container["onCreateCommand"].split()
    # The names of Debian's packages, of which each of the libraries that are asked for is in one.
    debian = {
        "pango-1.0": "libpango-1.0-0",
        "pangoft2-1.0": "libpangoft2-1.0-0",
        "gobject-2.0": "libpango-1.0-0",
        "harfbuzz": "libpangoft2-1.0-0",
        "harfbuzz-subset": "libharfbuzz-subset0",
    }
    assert {debian[library] for library in PANGO} | {"chromium"} <= set(installed)
    assert container["forwardPorts"] == [
        port for use, (_, port) in _DEFAULT_PORTS.items() if use not in ("proxy", "issuer")
    ]
    assert set(container["portsAttributes"]) == {str(port) for port in container["forwardPorts"]}
