"""What the parts of the bench make of what they measure; that they measure is their own run's to show."""

import zipfile
from pathlib import Path

from labs.bench import invoice, packages
from labs.bench.turns import in_turn


def test_the_sides_take_turns_and_the_warm_up_does_not_count() -> None:
    taken: list[str] = []

    def side(name: str) -> str:
        taken.append(name)
        return f"{name}{len(taken)}"

    ours, floor = in_turn(lambda: side("o"), lambda: side("f"), times=4, warm=2)
    assert "".join(taken) == "ofof" + "foof" * 2
    assert (ours, floor) == (["o6", "o7", "o10", "o11"], ["f5", "f8", "f9", "f12"])


def test_one_package_for_all_has_what_any_has_once(tmp_path: Path) -> None:
    contents = {"one": {"shared.py": "shared", "a.py": "a"}, "two": {"shared.py": "shared", "b.py": "b"}}
    for name, files in contents.items():
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
            for path, text in files.items():
                archive.writestr(path, text)
    union = packages.everything([tmp_path / "one.zip", tmp_path / "two.zip"], tmp_path)
    with zipfile.ZipFile(union) as archive:
        assert sorted(archive.namelist()) == ["a.py", "b.py", "functions/everything/handler.py", "shared.py"]
        assert archive.read("functions/everything/handler.py").decode().splitlines() == [
            "from functions.one.handler import lambda_handler",
            "from functions.two.handler import lambda_handler",
        ]


def test_an_invoice_is_judged_by_the_clock_and_shows_the_processors_time() -> None:
    round_of_two = ([[4.0, 1.0], [2.0, 1.0]], [[6.0, 2.0], [4.0, 2.0]])
    row = invoice._row(10, 2, 0.8, [round_of_two])
    assert (row.ours, row.floor, row.median, row.kept) == ((3.0,), (5.0,), 0.6, True)
    assert "processor time 0.50 ×" in row.note
