"""The engines side by side: what is made of their figures."""

from labs import engines


def test_table_has_a_column_for_each_engine() -> None:
    """Each figure stands in the row of what it says, and in the column of its engine."""
    columns = [{"`make up`": "63 s", "memory": "90 MB"}, {"`make up`": "93 s", "memory": "700 MB"}]
    lines = engines.table(["embedded", "localstack-host"], columns).splitlines()
    assert lines[0].startswith("Measured ")
    assert lines[2:] == [
        "|  | embedded | localstack-host |",
        "|---|---|---|",
        "| `make up` | 63 s | 93 s |",
        "| memory | 90 MB | 700 MB |",
    ]
