"""The READMEs of the Terraform modules: title, usage and tables that match the .tf files."""

import re
from pathlib import Path

import pytest

from tests.support import module_readmes

MODULES = [folder for folder in module_readmes.folders() if folder.parent.name == "modules"]


@pytest.mark.parametrize("folder", module_readmes.folders(), ids=lambda folder: folder.name)
def test_readme_tables_match_the_code(folder: Path) -> None:
    """Each README lists the inputs, outputs and resources of its module."""
    assert (folder / "README.md").read_text() == module_readmes.updated(folder)


@pytest.mark.parametrize("folder", MODULES, ids=lambda folder: folder.name)
def test_readme_example_sets_every_required_input(folder: Path) -> None:
    """The usage example of a module sets the required inputs and names no input that does not exist."""
    text = (folder / "README.md").read_text()
    assert text.startswith(f"# Module `{folder.name}`\n")
    (example,) = re.findall(r"```hcl\n(.*?)```", text, re.DOTALL)
    given = set(re.findall(r"^  (\w+) +=", example, re.MULTILINE)) - {"source", "providers"}
    inputs = dict(
        re.findall(r"^\| `(\w+)` \|.*\| (.+) \|$", module_readmes.tables(folder).split("## Outputs")[0], re.MULTILINE)
    )
    assert {name for name, default in inputs.items() if default == "required"} <= given <= set(inputs)


def test_readme_without_markers_is_rejected(tmp_path: Path) -> None:
    """A README without the markers of its tables is rejected."""
    (tmp_path / "README.md").write_text("# Module `x`\n")
    with pytest.raises(ValueError, match="needs the lines"):
        module_readmes.updated(tmp_path)


def test_multiline_type_becomes_one_line(tmp_path: Path) -> None:
    """A type of several lines becomes one line of the table."""
    (tmp_path / "README.md").write_text(f"{module_readmes.BEGIN}\n{module_readmes.END}\n")
    (tmp_path / "variables.tf").write_text(
        'variable "routes" {\n  description = "Routes | paths."\n'
        "  type = map(object({\n    path = string\n  }))\n  default = {}\n}\n"
    )
    assert "| `routes` | Routes \\| paths. | `map(object({ path = string }))` | `{}` |" in module_readmes.updated(
        tmp_path
    )
