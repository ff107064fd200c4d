"""What a machine lacks is installed where that is allowed, and else put into one line."""

import hashlib
import io
import os
import re
import subprocess
import zipfile
from pathlib import Path

import pytest
import yaml

from tooling import provision
from tooling.paths import ROOT
from tooling.provision import Missing

PANGO = Missing("Pango", "renders the invoice PDF", "install Pango", {"apt-get": "libpango harfbuzz"})
BROWSER = Missing("Chromium", "opens pages", "install it", {"apt-get": "chromium"})
TERRAFORM = Missing("Terraform 1.11 or later", "makes the stack", "install it", {})


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with apt-get alone, which writes down its calls; returns the file with the calls."""
    folder, calls = tmp_path / "bin", tmp_path / "calls"
    folder.mkdir()
    calls.write_text("")
    (folder / "apt-get").write_text(f'#!/bin/sh\necho "$@" >> {calls}\n')
    (folder / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("INSTALL", raising=False)
    return calls


def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Put a release of Terraform into a mirror; returns its bytes."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("terraform", "#!/bin/sh\necho Terraform\n")
    name = provision._terraform_address()[0].rsplit("/", 2)[1:]
    file = tmp_path / "mirror" / "/".join(name)
    file.parent.mkdir(parents=True)
    file.write_bytes(content.getvalue())
    monkeypatch.setenv("TERRAFORM_MIRROR", (tmp_path / "mirror").as_uri())
    return content.getvalue()


def test_install_as_root_calls_package_manager_once(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root gets all packages in one call, after their names were printed."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert provision.install([PANGO, BROWSER]) == []
    calls = machine.read_text().splitlines()
    assert calls == ["update -qq", "install -y -qq --no-install-recommends libpango harfbuzz chromium"]


def test_install_by_sudo_asks_no_questions(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package manager asks nothing when it is run by sudo either, which passes no variables on."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    (machine.parent / "bin" / "sudo").write_text('#!/bin/sh\nshift\nexec env -i PATH="$PATH" "$@"\n')
    (machine.parent / "bin" / "sudo").chmod(0o755)
    apt = machine.parent / "bin" / "apt-get"
    apt.write_text(apt.read_text().replace("$@", "$DEBIAN_FRONTEND $@"))
    assert provision.install([PANGO]) == []
    assert [line.split()[:2] for line in machine.read_text().splitlines()] == [
        ["noninteractive", "update"],
        ["noninteractive", "install"],
    ]


def test_install_without_root_prints_one_line(
    machine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A user who cannot become root gets one line with everything, and nothing is called."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert provision.install([PANGO, BROWSER]) == [PANGO, BROWSER]
    assert machine.read_text() == ""
    line = capsys.readouterr().err.splitlines()[-1].strip()
    assert line == (
        "sudo apt-get update -qq && sudo apt-get install -y -qq --no-install-recommends libpango harfbuzz chromium"
    )


@pytest.mark.parametrize("root", [True, False])
def test_install_prints_or_installs_packages_though_terraform_cannot_be_downloaded(
    tmp_path: Path,
    machine: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    root: bool,
) -> None:
    """A failed download of Terraform, as where CA certificates are missing, takes nothing from what else is done."""
    monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 1000)
    monkeypatch.setenv("TERRAFORM_MIRROR", (tmp_path / "none").as_uri())
    with pytest.raises(RuntimeError, match="Terraform cannot be downloaded"):
        provision.install([TERRAFORM, PANGO], [BROWSER])
    if root:
        assert machine.read_text().splitlines()[-1].endswith("libpango harfbuzz")
    else:
        assert capsys.readouterr().err.splitlines()[-1].endswith("libpango harfbuzz chromium")


def test_install_zero_only_prints(
    machine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """INSTALL=0 installs nothing, and shows what it would: nothing to paste for who may install."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("INSTALL", "0")
    assert provision.install([PANGO, TERRAFORM]) == [PANGO, TERRAFORM]
    assert (machine.read_text(), provision.terraform_program().exists()) == ("", False)
    shown = capsys.readouterr().err
    assert "would be installed by: apt-get install -y -qq --no-install-recommends libpango harfbuzz" in shown
    assert f"would be downloaded: Terraform {provision.TERRAFORM} from " in shown
    assert "Paste" not in shown


def test_install_failed_package_shows_what_was_printed(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package manager that fails is quoted."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    program = machine.parent / "bin" / "apt-get"
    program.write_text("#!/bin/sh\necho no route to the mirror; exit 100\n")
    with pytest.raises(RuntimeError, match="no route to the mirror"):
        provision.install([PANGO])


def test_install_terraform_of_the_pinned_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Terraform comes from the mirror that is given, into the user's cache, if its SHA-256 is the pinned one."""
    content = release(tmp_path, monkeypatch)
    name = provision._terraform_address()[0].rpartition("/")[2]
    sums = tmp_path / "sums"
    sums.write_text(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
    monkeypatch.setattr(provision, "TERRAFORM_SUMS", sums)
    assert provision.install([TERRAFORM]) == []
    done = subprocess.run([provision.terraform_program()], capture_output=True, text=True, check=True, timeout=10)
    assert done.stdout == "Terraform\n"


def test_install_terraform_of_another_digest_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is not the pinned release is refused, and nothing of it is kept."""
    content = release(tmp_path, monkeypatch)
    with pytest.raises(
        RuntimeError, match=f"not the pinned release: its SHA-256 is {hashlib.sha256(content).hexdigest()}"
    ):
        provision.install([TERRAFORM])
    assert not provision.terraform_program().exists()


def test_install_terraform_without_network_names_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing responds, the error says from where Terraform should have come."""
    monkeypatch.setenv("TERRAFORM_MIRROR", (tmp_path / "none").as_uri())
    with pytest.raises(RuntimeError, match=r"cannot be downloaded from file://.*terraform_[\d.]+_\w+\.zip"):
        provision.install([TERRAFORM])


def test_terraform_version_is_that_of_the_workflows() -> None:
    """The pinned Terraform is the one that GitHub's jobs install."""
    action = yaml.safe_load((ROOT / ".github" / "actions" / "machine" / "action.yml").read_text())
    versions = [
        step["with"]["terraform_version"] for step in action["runs"]["steps"] if "terraform_version" in str(step)
    ]
    assert versions == [provision.TERRAFORM]
    sums = provision.TERRAFORM_SUMS.read_text().splitlines()
    assert len(sums) == 4
    assert all(re.fullmatch(rf"[0-9a-f]{{64}}  terraform_{provision.TERRAFORM}_\w+\.zip", line) for line in sums)


def test_cache_without_home_is_in_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without a home, as in a container with any user id, has a cache; a relative XDG path is ignored."""
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "someone"))
    assert provision.cache() == tmp_path / "someone" / ".cache" / "order-platform"
    assert not (tmp_path / "someone").exists(), "to ask for it makes nothing"
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os, "getuid", lambda: 987_654)
    assert provision.cache() == ROOT / "build" / "cache"


@pytest.mark.parametrize(("variable", "value"), [("HOME", "/proc"), ("XDG_CACHE_HOME", "/dev/null")])
def test_cache_that_cannot_be_written_is_in_the_repository(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    """Where nothing can be written in a user's home or cache, the repository has one."""
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv(variable, value)
    assert provision.cache() == ROOT / "build" / "cache"


def test_install_terraform_that_cannot_be_written_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the cache cannot keep it, the error names another place."""
    content = release(tmp_path, monkeypatch)
    name = provision._terraform_address()[0].rpartition("/")[2]
    (tmp_path / "sums").write_text(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
    monkeypatch.setattr(provision, "TERRAFORM_SUMS", tmp_path / "sums")
    provision.cache().mkdir(parents=True)
    provision.terraform_program().parent.touch()
    with pytest.raises(RuntimeError, match="set XDG_CACHE_HOME to a folder that you can write"):
        provision.install([TERRAFORM])
