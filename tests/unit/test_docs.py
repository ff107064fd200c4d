"""Documents: links lead somewhere, commands exist and are run, decisions are short."""

import json
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from localstack.ports import DEFAULTS
from tests.support import command_lines, pages
from tests.support.pages import RUN_HERE
from tooling import documents
from tooling.documents import Block
from tooling.machine import PANGO, PYTHON_VERSION, TERRAFORM_VERSION
from tooling.paths import ROOT

# Pages of GitHub, relative to those of the repository.
OF_GITHUB = {"../../security/advisories/new"}
DECISION_LINES = 60
FOLDERS = "bin|cli|common|docs|e2e|evidence|functions|labs|localstack|ops|release|templates|terraform|tests|tooling"
# Beginning of each command that something else runs, and what runs it.
RUN_ELSEWHERE = {
    "make watch": "e2e/test_watch.py",
    "bin/ops stack debug ": "e2e/test_debug.py",
    "make e2e": "tests/__main__.py: `bin/test all` runs the same tests",
    "bin/release pack ": "labs/rehearsal/by_hand.py",
    "make conformance ENGINE=embedded": ".ci/run: in `make test`",
    "make conformance ": ".github/workflows/conformance.yml",
    "bin/test conformance ": ".github/workflows/conformance.yml",
    "make test": ".ci/run",
    'eval "$(bin/ops stack env)"': "e2e/test_tflocal.py",
    "tflocal ": "e2e/test_tflocal.py",
    "awslocal ": "e2e/test_tflocal.py",
    "bin/ops lab engines": "labs/engines.py: by hand",
    "make down": ".ci/docker",
    "docker ": "tests/unit/test_localstack_engine.py",
    "STACK_DIR=build/docker-second ": ".ci/docker: with a folder of its own",
    "make rehearse": "labs/rehearsal/run.py: by hand",
    "make release": "labs/rehearsal/by_hand.py",
    "bin/release promote ": "labs/rehearsal/by_hand.py",
    "bin/release deploy ": "labs/rehearsal/by_hand.py",
    "bin/release record ": "labs/rehearsal/by_hand.py",
    "bin/release preflight ": "tests/unit/test_preflight.py",
    "bin/release build": "tests/integration/test_packages.py",
    "bin/test e2e --target ": "labs/rehearsal/by_hand.py",
    "E2E_CART_URL=": "labs/rehearsal/by_hand.py",
    "make chaos": "labs/chaos/run.py: by hand; `make test` makes a short run",
    "make bench": "labs/bench/run.py: by hand",
    "make load": "e2e/test_load.py",
    "bin/ops lab scale": "tests/unit/test_scale.py",
    "bin/ops redrive bbws-order-pdf-prod": "tests/integration/test_redrive.py",
    "curl -s -o /dev/null ": "docs/first-account.md: a person runs it against an account",
    "dig +short NS ": "docs/first-account.md: a person runs it against an account",
    "cd terraform": "labs/rehearsal/accounts.py",
    "terraform init ": "labs/rehearsal/accounts.py, release/deploy.py",
    "terraform plan ": "release/deploy.py",
    "terraform apply ": "labs/rehearsal/accounts.py, release/deploy.py",
    "terraform import ": "terraform/bootstrap/main.tf: only an account that has the provider already needs it",
    "aws ": "terraform/bootstrap/README.md: a person runs it against an account",
    "gh api ": "terraform/bootstrap/README.md: a person runs it against GitHub",
    "gh workflow run ": "labs/rehearsal/pipelines.py: without GitHub",
    "gh attestation verify ": "tests/unit/test_workflows.py: only GitHub signs",
}


class Link(NamedTuple):
    """A link or a picture.

    Args:
        document: Path of the document.
        target: Where it leads, as it is written.
    """

    document: str
    target: str


def links(document: str) -> list[Link]:
    """The links of a document, in order."""
    inline = [child for token in documents.tokens(document) for child in token.children or []]
    return [
        Link(document, str(token.attrs.get("href", token.attrs.get("src"))))
        for token in inline
        if token.type in ("link_open", "image")
    ]


def anchors(document: str) -> set[str]:
    """The anchors that GitHub gives a document's headings; equal ones are numbered."""
    seen: Counter[str] = Counter()
    found = set()
    for slug in map(pages.anchor, pages.headings(document)):
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


@pytest.mark.parametrize("document", pages.documents())
def test_links_lead_somewhere(document: str) -> None:
    """Every link leads to a file and a heading that exist."""
    for link in links(document):
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
            there = anchors(str(path.resolve().relative_to(ROOT)))
            assert url.fragment in there, f"{document}: {link.target}: the headings are {sorted(there)}"


def test_decision_links_lead_to_the_decision() -> None:
    """A link that says `decision N` leads to decision N, and N is a decision that exists."""
    for document in pages.documents():
        for number, target in re.findall(
            r"\[decision (\d+)\]\(([^)]*)\)", (ROOT / document).read_text(), re.IGNORECASE
        ):
            name = Path(urlsplit(target).path).name
            assert name.startswith(f"{int(number):04d}-"), f"{document}: decision {number} links to {target}"


def test_anchors_are_those_of_github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Headings get the anchors that GitHub gives them; links in code are not links."""
    (tmp_path / "a.md").write_text(
        "# The `make` way\n## A b, c\n## A b, c\n[x](b.md#d) ![y](z.png)\n```\n[no](n)\n```\n"
    )
    monkeypatch.setattr(documents, "ROOT", tmp_path)
    assert anchors("a.md") == {"the-make-way", "a-b-c", "a-b-c-1"}
    assert [link.target for link in links("a.md")] == ["b.md#d", "z.png"]


def test_files_named_in_documents_exist() -> None:
    """A document names only files and folders that exist."""
    for document in pages.documents():
        if document == "docs/api.md":
            continue
        text = (ROOT / document).read_text()
        for path in re.findall(
            rf"`((?:{FOLDERS})/[\w./-]+)`",
            text,
        ):
            there = [folder / path for folder in (ROOT, (ROOT / document).parent)]
            assert any(place.exists() for place in there), f"{document} names {path}"


@pytest.mark.parametrize(
    "block", pages.command_blocks(), ids=lambda block: f"{block.document}: {block.commands[0][:40]}"
)
def test_commands_in_blocks_exist(block: Block) -> None:
    """Each call of make, bin/ops, bin/release and bin/test is one that would be accepted."""
    for command in block.lines:
        for call in command_lines.calls(command):
            command_lines.check(call)


def test_commands_in_sentences_exist() -> None:
    """Each command that a sentence names exists."""
    for document in set(pages.documents()) - {"CHANGELOG.md"}:
        for words in re.findall(r"`((?:make|bin/(?:ops|release|test)) [a-z0-9 ]+)", (ROOT / document).read_text()):
            if words.startswith("make "):
                assert words.split()[1] in command_lines.make_targets(), f"{document}: there is no {words}"
            else:
                command_lines.find(words.split())


def test_command_line_check_refuses_what_does_not_exist() -> None:
    """The check finds wrong targets, variables, sub-commands and options."""
    assert command_lines.calls("TOKEN=$(bin/ops stack token a@b.c) && A=1 make e2e QUICK=1 | make help") == [
        ["bin/ops", "stack", "token", "a@b.c"],
        ["make", "e2e", "QUICK=1"],
        ["make", "help"],
    ]
    for wrong in (
        "make nothing",
        "make up TRAGET=dev",
        "bin/ops nothing",
        "bin/release drift --to moon",
        "bin/ops queues",
    ):
        with pytest.raises(ValueError, match=wrong.split()[0]):
            command_lines.check(wrong.split())


def test_make_help_fits_a_screen() -> None:
    """The front door is a screen of targets, each a line."""
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=20)
    shown = re.findall(r"^  make ([a-z0-9-]+) +\S", done.stdout, re.MULTILINE)
    assert set(shown) == set(command_lines.make_targets())
    assert len(shown) <= 25


def test_every_command_is_run_somewhere() -> None:
    """A command in a document is run by a test, the rehearsal or a workflow, or says why by hand only."""
    commands = [(block.document, command) for block in pages.command_blocks() for command in block.commands]
    for document, command in commands:
        known = [*(start for start in RUN_HERE if command.startswith(start))]
        known += [start for start in RUN_ELSEWHERE if command.startswith(start)]
        assert known, (
            f"{document}: nothing runs `{command}`: add it to RUN_ELSEWHERE, or to RUN_HERE in tests/support/pages.py"
        )
    for start in (*RUN_HERE, *RUN_ELSEWHERE):
        assert any(command.startswith(start) for _, command in commands), f"no document has `{start}` any more"
    for where in RUN_ELSEWHERE.values():
        for path in where.partition(":")[0].split(", "):
            assert (ROOT / path).exists(), path


def test_api_address_is_the_one_make_up_prints() -> None:
    """A reader replaces one address, the one that README's `make up` prints."""
    used = [
        url
        for block in pages.command_blocks()
        if pages.runs_here(block)
        for command in block.commands
        for url in re.findall(r"http://[^\s\"]*execute-api[^\s\"]*", command)
    ]
    assert used
    assert all(url.startswith(f"{pages.api_in_readme()}/") for url in used)


def test_trace_of_an_order_has_ten_places() -> None:
    """The architecture follows an order, from POST to mail, through ten places."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    places = re.findall(r"^(\d+)\. `", text.partition("## One order")[2].partition("\n## ")[0], re.MULTILINE)
    assert places == [str(number) for number in range(1, 11)]


@pytest.mark.parametrize("decision", [path for path in pages.documents() if "/decisions/" in path])
def test_decision_has_context_options_choice(decision: str) -> None:
    """A decision is one page with its context, options and choice."""
    text = (ROOT / decision).read_text()
    assert len(text.splitlines()) <= DECISION_LINES
    parts = [text.find(f"**{part}.**") for part in ("Context", "Options", "Choice")]
    assert -1 not in parts
    assert parts == sorted(parts)
    number = int(Path(decision).name[:4])
    assert text.startswith(f"# {number}. ")


def test_devcontainer_has_what_the_machine_needs() -> None:
    """The devcontainer installs everything that the check of the machine requires."""
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    python = PYTHON_VERSION
    assert re.search(rf":{python}-", container["image"])
    (terraform,) = [options for feature, options in container["features"].items() if "/terraform:" in feature]
    assert tuple(map(int, terraform["version"].split(".")[:2])) >= TERRAFORM_VERSION
    installed = container["onCreateCommand"].split()
    # The names of Debian's packages, which hold the required libraries.
    debian = {
        "pango-1.0": "libpango-1.0-0",
        "pangoft2-1.0": "libpangoft2-1.0-0",
        "gobject-2.0": "libpango-1.0-0",
        "harfbuzz": "libpangoft2-1.0-0",
        "harfbuzz-subset": "libharfbuzz-subset0",
    }
    assert {debian[library] for library in PANGO} | {"chromium"} <= set(installed)
    assert container["forwardPorts"] == [port for use, (_, port) in DEFAULTS.items() if use not in ("proxy", "issuer")]
    assert set(container["portsAttributes"]) == {str(port) for port in container["forwardPorts"]}


def test_required_terraform_is_named_alike() -> None:
    """The check of a machine, and the page for an administrator, require the Terraform that the code requires."""
    wanted = ".".join(map(str, TERRAFORM_VERSION))
    code = "".join(path.read_text() for path in (ROOT / "terraform").rglob("versions.tf"))
    assert set(re.findall(r'required_version = ">= ([\d.]+)"', code)) == {wanted}
    assert f"Terraform {wanted} and a clone" in (ROOT / "docs" / "first-account.md").read_text()
