"""What a machine lacks is reported with how to get it; environments come from locked requirements."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tooling import machine, provision
from tooling.paths import ROOT

MACHINE = ROOT / "tooling" / "machine.py"
GROUPS = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]


def run(
    path: str, home: Path, *arguments: str, machine: Path = MACHINE, variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    own = {"PATH": path, "HOME": str(home), "PYENV_ROOT": str(home), "INSTALL": "0"}
    environment = {**own, **(variables or {})}
    command = [sys.executable, str(machine), *arguments]
    root = machine.parent.parent
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=60)


def fake(folder: Path, name: str, script: str) -> None:
    """Write a program that is a shell script."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def fake_terraform(folder: Path, version: str) -> str:
    """Write a Terraform of a version, and return a PATH that starts with it."""
    fake(folder, "terraform", f"""echo '{{"terraform_version": "{version}"}}'""")
    return f"{folder}:{os.environ['PATH']}"


def test_check_without_terraform_says_how_to_get_it(tmp_path: Path) -> None:
    """A machine without Terraform is reported with the address to get it from."""
    done = run("/usr/sbin:/sbin", tmp_path)
    assert done.returncode == 1
    assert "missing: Terraform 1.11 or later: it makes the stack" in done.stderr
    assert "https://developer.hashicorp.com/terraform/install" in done.stderr


def test_check_with_old_terraform_names_version(tmp_path: Path) -> None:
    """A Terraform that is too old is reported with its version."""
    done = run(fake_terraform(tmp_path, "1.10.5"), tmp_path)
    assert done.returncode == 1
    assert "Terraform 1.11 or later (there is 1.10.5)" in done.stderr


def test_slow_program_is_not_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that does not end in time is named, and not reported as missing: the machine may be busy."""
    fake(tmp_path, "terraform", "exec sleep 60")
    monkeypatch.setattr(machine, "_PROBE_SECONDS", 0.5)
    with pytest.raises(RuntimeError, match=r"terraform version` has not ended after 0\.5 s"):
        machine._output(str(tmp_path / "terraform"), "version")


def test_check_of_complete_machine_is_silent(tmp_path: Path) -> None:
    """A machine that has everything gets no message."""
    done = run(fake_terraform(tmp_path, "1.11.0"), tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_check_runs_programs_without_variables_of_the_shell(tmp_path: Path) -> None:
    """A variable of the shell that makes Terraform or Python fail does not make the machine lack it.

    Terraform is not to ask HashiCorp for newer versions either.
    """
    shell = {"TF_CLI_ARGS": "-no-such", "TF_REATTACH_PROVIDERS": "x", "PYTHONHOME": "/none", "PYTHONMALLOC": "x"}
    path = fake_terraform(tmp_path, "1.11.0")
    refuse = '#!/bin/sh\n[ "${TF_CLI_ARGS:-}$CHECKPOINT_DISABLE" = 1 ] || exit 1'
    fake(tmp_path, "terraform", (tmp_path / "terraform").read_text().replace("#!/bin/sh", refuse))
    code = f"""
import os, sys
sys.path.insert(0, {str(ROOT)!r})
from tooling import machine
machine._uv_candidates = list
os.environ.update({shell!r})
print([item.what for item in machine.missing()])
"""
    environment = {"PATH": path, "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"


def test_check_requires_chromium_only_for_tests(tmp_path: Path) -> None:
    """Only the tests need Chromium, and the variable CHROMIUM can name one."""
    path, none = fake_terraform(tmp_path, "1.11.0"), {"CHROMIUM": str(tmp_path / "none")}
    fake(tmp_path, "browser", "")
    lacking = run(path, tmp_path, "test", variables=none)
    assert lacking.returncode == 1
    assert "missing: Chromium or Chrome" in lacking.stderr
    assert "playwright install" in lacking.stderr
    assert run(path, tmp_path, variables=none).returncode == 0
    assert run(path, tmp_path, "test", variables={"CHROMIUM": str(tmp_path / "browser")}).returncode == 0


def test_check_requires_curl_only_for_tests(tmp_path: Path) -> None:
    """The tests run README's call of the API, and a bare Debian has no curl."""
    fake_terraform(tmp_path, "1.11.0")
    path = f"{tmp_path}:/usr/sbin:/sbin"
    assert "missing: curl: it runs README's call" in run(path, tmp_path, "test").stderr
    assert run(path, tmp_path).returncode == 0


def bare_path(tmp_path: Path, *more: str) -> str:
    """Write programs of a machine without Python; returns a PATH with them and nothing else."""
    folder = tmp_path / "bare"
    for name in ("sh", "awk", "dirname", "grep", *more):
        fake(folder, name, f'exec {shutil.which(name) or "/bin/true"} "$@"')
    (folder / "sh").unlink()
    (folder / "sh").symlink_to("/bin/sh")
    fake(folder, "id", "echo 1000")
    fake(folder, "sudo", "exit 1")
    return str(folder)


def get_python(path: str) -> subprocess.CompletedProcess[str]:
    """Run what gets Python where there is none, with this PATH and nothing else."""
    command = ["/bin/sh", str(ROOT / "bin" / ".python")]
    return subprocess.run(command, env={"PATH": path}, capture_output=True, text=True, check=False, timeout=20)


@pytest.mark.parametrize("manager", ["apt-get", "dnf"])
def test_python_missing_prints_one_line_with_everything(tmp_path: Path, manager: str) -> None:
    """A user who cannot become root on a bare machine gets one line, with what `make up` and `make test` need."""
    path = bare_path(tmp_path, manager)
    done = get_python(path)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if "sudo sh -c" in line]
    for need in ("python", "uv", "pango", "atomic", "curl", "certificates"):
        assert provision.packages(need).get(manager, "") in line


@pytest.mark.parametrize(
    ("version", "status"), [("3.6.8", 1), ("3.8.0", 0), ("3.12.0", 0), (None, 1)], ids=["old", "3.8", "3.12", "shim"]
)
def test_python_that_does_not_serve_is_named(tmp_path: Path, version: str | None, status: int) -> None:
    """A Python that is too old, or a shim of pyenv that does not start, is named; a newer one is used."""
    path = bare_path(tmp_path, "apt-get")
    numbers = tuple(map(int, version.split("."))) if version else ()
    code = f"import sys; sys.version_info = {numbers}; exec(sys.argv[1])"
    start = shlex.join(["exec", sys.executable, "-c", code])
    fake(tmp_path / "bare", "python3", f'{start} "$2"' if version else "exit 127")
    done = get_python(path)
    message = f"missing: Python 3.8 or later: {path}/python3 does not start, or is older"
    assert (done.returncode, done.stderr.partition(": install ")[0]) == (status, message if status else "")


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A copy of bin/ whose Python prints its arguments."""
    for name in ("bin", "tooling"):
        (tmp_path / "tree" / name).mkdir(parents=True)
    for source in (*(ROOT / "bin").iterdir(), provision._PACKAGES):
        shutil.copy(source, tmp_path / "tree" / source.parent.name)
    fake(tmp_path / "tree" / ".venv" / "bin", "python", 'echo "started $@"')
    return tmp_path / "tree" / "bin"


@pytest.mark.parametrize(
    ("words", "environments"),
    [
        (["ops", "lab", "load"], ["load", "dev"]),
        (["ops", "lab", "rehearse"], ["act", "dev"]),
        (["ops", "stack", "status"], ["local"]),
        (["release", "history"], ["dev"]),
    ],
    ids=" ".join,
)
def test_program_starts_once_its_environments_are_complete(
    tmp_path: Path, programs: Path, words: list[str], environments: list[str]
) -> None:
    """Python comes first, then each environment; what cannot be got ends the program, whatever the shell exports."""

    def run_it() -> tuple[int, list[str], str]:
        command = [str(programs / words[0]), *words[1:]]
        variables = {"PATH": path, "environment": "dev", "environments": "dev"}
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=20)
        return done.returncode, done.stdout.splitlines(), done.stderr

    path = bare_path(tmp_path, "apt-get", "env")
    status, printed, errors = run_it()
    assert (status, printed) == (1, [])
    assert errors.startswith("missing: Python 3.8 or later. Paste this line")
    fake(tmp_path / "bare", "python3", '[ "$1" = -ESc ] || echo "$3 $4"')
    installed = [f"install {name}" for name in environments]
    assert run_it() == (0, [*installed, f"started -m cli.{' '.join(words)}"], "")
    fake(tmp_path / "bare", "python3", '[ "$1" = -ESc ] || { echo "$3 $4"; exit 1; }')
    assert run_it() == (1, installed[:1], "")


def test_everything_missing_is_one_line(tmp_path: Path) -> None:
    """Where Pango is missing, the line to paste has the browser of `make test` too, and so is the only one."""
    path = fake_terraform(tmp_path, "1.11.0")
    fake(tmp_path, "apt-get", "")
    fake(tmp_path, "sudo", "exit 1")
    code = f"""
import os, sys
sys.path.insert(0, {str(ROOT)!r})
os.geteuid = lambda: 1000
from tooling import machine
machine.PANGO, machine.NODE_LIBRARY = ("no-such-library",), "no-such-library"
machine.find_chromium = lambda: None
machine.PROGRAMS = machine.Path({str(tmp_path)!r})
machine._is_ubuntu = lambda: False
print([item.what for item in machine.prepare()])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PATH": path}, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout == "['Pango (no-such-library)']\n", done.stderr
    assert done.stderr.splitlines()[-1].strip() == (
        "sudo apt-get update -qq && sudo apt-get install -y -qq --no-install-recommends "
        "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 chromium libatomic1"
    )


def test_cached_terraform_is_used_only_where_it_is_missing(tmp_path: Path) -> None:
    """A Terraform that was downloaded once is linked if the machine has none, and not because Pango is missing."""
    cached = tmp_path / ".cache" / "order-platform" / f"terraform-{provision.TERRAFORM}"
    fake(cached, "terraform", """echo '{"terraform_version": "1.11.4"}'""")
    code = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from tooling import machine
machine.PANGO = ("no-such-library",)
machine.PROGRAMS = machine.Path({str(tmp_path / "programs")!r})
machine.prepare()
"""

    def linked(path: str) -> bool:
        environment = {"PATH": path, "HOME": str(tmp_path), "INSTALL": "0"}
        subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True, timeout=60)
        return (tmp_path / "programs" / "terraform").is_symlink()

    assert not linked(fake_terraform(tmp_path / "bin", "1.11.0"))
    assert linked("/usr/sbin:/sbin")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with machine.py, an empty lock file for each environment, and a uv that writes down its calls."""
    root = tmp_path / "checkout"
    (root / "tooling").mkdir(parents=True)
    for name in ("__init__.py", "machine.py", "provision.py", "terraform.sha256", "system-packages.txt"):
        (root / "tooling" / name).write_bytes(MACHINE.with_name(name).read_bytes())
    (root / "requirements").mkdir()
    for name in ("engine", "local", "dev", "moto", "uv"):
        (root / "requirements" / f"{name}.txt").write_text(f"# {name}\n")
    script = f"""
[ "$1" = --version ] && exec echo uv
[ "$1 $2" = "python find" ] && exec echo "$FOUND_PYTHON"
echo "$UV_DEFAULT_INDEX $@" >> {root}/calls
[ "$1" = venv ] || exit 0
for venv in "$@"; do :; done
mkdir -p "$venv/bin" && printf '#!/bin/sh\\necho 3.12\\n' > "$venv/bin/python" && chmod +x "$venv/bin/python"
"""
    fake(tmp_path / "bin", "uv", script)
    return root


def run_in(checkout: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run machine.py of a checkout."""
    path = fake_terraform(checkout.parent / "bin", "1.11.0")
    script, given = checkout / "tooling" / "machine.py", {"INSTALL": "", **variables}
    return run(path, checkout.parent, *arguments, machine=script, variables=given)


def install(checkout: Path, name: str, **variables: str) -> list[str]:
    """Install an environment; returns uv's new calls."""
    (checkout / "calls").write_text("")
    done = run_in(checkout, "install", name, **variables)
    assert done.returncode == 0, done.stderr
    return (checkout / "calls").read_text().splitlines()


def test_install_makes_environments_once(checkout: Path) -> None:
    """An environment is made once, and updated in place when its lock file changes."""
    calls = [call.replace(f"{checkout}/", "") for call in install(checkout, "local")]
    assert [re.sub(r"--quiet |--require-hashes ", "", call).strip() for call in calls] == [
        "venv --python=3.12 build/engine-venv",
        "pip sync --python=build/engine-venv/bin/python requirements/engine.txt",
        "venv --python=3.12 .venv",
        "pip sync --python=.venv/bin/python requirements/local.txt",
    ]
    assert all("--require-hashes" in call for call in calls if "sync" in call)
    assert install(checkout, "local") == []
    (checkout / "requirements" / "local.txt").write_text("# changed\n")
    assert [call.split()[-1] for call in install(checkout, "local")] == ["requirements/local.txt"]
    assert [call.split()[-1] for call in install(checkout, "dev")] == ["requirements/dev.txt"]
    assert install(checkout, "local") == [], "the environment for the tests serves make up too"


def test_install_zero_lists_environments_and_makes_none(checkout: Path) -> None:
    """With INSTALL=0, and in `make doctor`, all that would be installed is listed; what is there is used."""
    plan = [
        "would be installed: Python 3.12 by uv",
        "would be installed: requirements/engine.txt into build/engine-venv",
        "would be installed: requirements/dev.txt into .venv",
    ]
    for arguments in (["install", "dev"], ["doctor"]):
        done = run_in(checkout, *arguments, INSTALL="0")
        assert (done.returncode, done.stderr.splitlines()[-3:]) == (1, plan)
        assert plan[0] not in run_in(checkout, *arguments, INSTALL="0", FOUND_PYTHON="/python3.12").stderr
    assert not (checkout / "calls").exists()
    install(checkout, "dev")
    assert run_in(checkout, "install", "dev", INSTALL="0").returncode == 0
    (checkout / "requirements" / "dev.txt").write_text("# changed\n")
    assert run_in(checkout, "install", "dev", INSTALL="0").stderr.splitlines() == plan[2:]


def test_install_announces_python_and_environments(checkout: Path) -> None:
    """What uv downloads and makes is printed before."""
    assert run_in(checkout, "install", "moto").stdout.splitlines() == [
        "installing Python 3.12 by uv",
        "installing requirements/moto.txt into build/moto-venv",
    ]
    assert run_in(checkout, "install", "local", FOUND_PYTHON="/python3.12").stdout.splitlines() == [
        "installing requirements/engine.txt into build/engine-venv",
        "installing requirements/local.txt into .venv",
    ]


@pytest.fixture
def pip(checkout: Path) -> Path:
    """A pip that installs uv, which nothing else has; returns its module."""
    uv = checkout.parent / "bin" / "uv"
    uv.rename(checkout / "uv")
    fake(uv.parent, "uv", "exit 1")
    module = checkout / "pip" / "__main__.py"
    module.parent.mkdir()
    (module.parent / "__init__.py").touch()
    module.write_text("""
import os, shutil, sys
print("pip")
if "install" in sys.argv:
    # As a pip.conf that has `user` and `require-virtualenv`.
    assert (os.environ["PIP_USER"], os.environ["PIP_REQUIRE_VIRTUALENV"]) == ("0", "0")
    os.makedirs("build/uv/bin")
    shutil.copy("uv", "build/uv/bin/uv")
""")
    return module


def test_install_gets_uv_by_pip_only_where_it_may(checkout: Path, pip: Path) -> None:
    """Where there is no uv, pip installs it, which is printed before; with INSTALL=0 it is only listed."""
    planned = run_in(checkout, "install", "moto", INSTALL="0")
    assert planned.stderr.splitlines() == [
        "would be installed: uv into build/uv by pip, since it makes the environments",
        "would be installed: Python 3.12 by uv, unless that finds one",
        "would be installed: requirements/moto.txt into build/moto-venv",
    ]
    assert not (checkout / "build").exists()
    done = run_in(checkout, "install", "moto")
    assert done.stdout.splitlines()[0] == "installing uv into build/uv by pip, since it makes the environments"
    assert done.returncode == 0, done.stdout + done.stderr


def test_install_of_tool_leaves_project_alone(checkout: Path) -> None:
    """A tool's environment is made by itself."""
    assert [call.split()[-1] for call in install(checkout, "moto")] == [
        f"{checkout}/build/moto-venv",
        "requirements/moto.txt",
    ]


def test_install_takes_index_from_pip(checkout: Path) -> None:
    """The index that pip is set to is uv's too, unless uv has one."""
    index = {"PIP_INDEX_URL": "https://pip.example/simple"}
    fake(checkout.parent / "bin", "pip", """echo ":env:.index-url='$PIP_INDEX_URL'" """)
    assert {call.split()[0] for call in install(checkout, "moto", **index)} == {"https://pip.example/simple"}
    (checkout / "requirements" / "moto.txt").write_text("# changed\n")
    own = {"UV_DEFAULT_INDEX": "https://uv.example/simple"}
    assert {call.split()[0] for call in install(checkout, "moto", **index, **own)} == {"https://uv.example/simple"}


def test_install_with_home_that_cannot_be_written_keeps_everything_in_build(checkout: Path) -> None:
    """What uv keeps in a home is in build/ if that cannot be written, and otherwise where it was."""
    uv = checkout.parent / "bin" / "uv"
    uv.write_text(uv.read_text().replace("$UV_DEFAULT_INDEX $@", "$UV_CACHE_DIR $UV_PYTHON_INSTALL_DIR"))
    folder = checkout / "build" / "cache"

    def folders(name: str, **variables: str) -> set[str]:
        return {*install(checkout, name, **variables)}

    assert folders("moto", HOME="/proc") == {f"{folder}/uv {folder}/python"}
    assert folders("local", HOME="/proc", UV_PYTHON_INSTALL_DIR="/other") == {f"{folder}/uv /other"}
    assert folders("dev") == {" "}


def test_install_without_network_says_what_to_check(checkout: Path) -> None:
    """When uv fails, the message holds what it printed and what to do."""
    fake(checkout.parent / "bin", "uv", '[ "$1" = --version ] && exec echo uv; echo "no route to host"; exit 2')
    done = run_in(checkout, "install", "local")
    assert done.returncode == 1
    assert "no route to host" in done.stderr
    assert "pyenv install 3.12" in done.stderr


def test_install_into_folder_that_cannot_be_written_says_what_to_do(checkout: Path) -> None:
    """What the system refuses, such as writing on a full disk, is a sentence."""
    (checkout / "build").touch()
    done = run_in(checkout, "install", "local")
    assert done.returncode == 1
    assert done.stderr.endswith("use a folder that can be written, and run the command again\n")
    assert "Traceback" not in done.stderr


def requested(group: str) -> list[Requirement]:
    """What a dependency group names, with the groups that it includes."""
    found = []
    for entry in GROUPS[group]:
        found += [Requirement(entry)] if isinstance(entry, str) else requested(entry["include-group"])
    return found


def locked(group: str) -> dict[str, str]:
    """The versions in a group's lock file, by name."""
    lines = (ROOT / "requirements" / f"{group}.txt").read_text().splitlines()
    pins = [line.rstrip(" \\").partition("==") for line in lines if "==" in line]
    return {canonicalize_name(name.partition("[")[0]): version for name, _, version in pins}


@pytest.mark.parametrize("group", GROUPS)
def test_lock_file_satisfies_its_group(group: str) -> None:
    """Each library of a dependency group is locked, in a version that the group allows."""
    versions = locked(group)
    for requirement in requested(group):
        assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)]), requirement


def test_lock_files_have_versions_of_dev() -> None:
    """The tests run the versions that the functions and the local stack run."""
    dev = locked("dev").items()
    for group in ("functions", "mail", "invoice", "local"):
        assert locked(group).items() <= dev, f"{group}: run `python3 tooling/machine.py lock`"
    assert locked("uv").items() <= locked("local").items()


def test_lock_files_name_no_index() -> None:
    """Lock files hold versions and hashes: nothing about where the libraries come from."""
    for path in (ROOT / "requirements").glob("*"):
        for line in path.read_text().splitlines():
            assert re.fullmatch(r"[\w.-]+(\[[\w, -]+\])?==\S+ \\|    --hash=sha256:[0-9a-f]{64}( \\)?", line), line


def test_project_environment_has_no_conflicts() -> None:
    """The locked libraries agree with each other; installing them does not check that."""
    done = subprocess.run(
        [sys.executable, "-m", "uv", "pip", "check", "--python", sys.executable],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
