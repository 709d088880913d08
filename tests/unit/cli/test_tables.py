from io import StringIO

from rich.console import Console

from streamproc.cli.tables import cell, id_table


def printed(*ids: str) -> list[str]:
    table = id_table(ids, "id", "name")
    for one in ids:
        table.add_row(cell(one), cell("a name that is too long for what is left"))
    output = StringIO()
    Console(file=output, width=14).print(table)
    return [line.split("  ")[0].rstrip() for line in output.getvalue().splitlines()[1:]]


def test_what_a_terminal_would_obey_or_hide_is_escaped_and_nothing_is_markup() -> None:
    told = cell("[red]\x1b[2J\x9b\r\n\x00\u202e ü☃😀")
    assert told.plain == r"[red]\x1b[2J\x9b\r\n\x00\u202e ü☃😀"


def test_an_id_is_never_cut_however_wide_its_letters_are() -> None:
    for one in ("cust_000001", "日本日本日本日", "\t\t\t\t\t"):
        assert printed(one)[0] == cell(one).plain
