from __future__ import annotations

import pytest

from benign.data.jsonl import lines


def test_lines_count_from_one_and_blank_ones_are_passed_over(write_lines) -> None:
    path = write_lines("f.jsonl", {"id": "a"}, "", "  \r", {"id": "b"})
    problems: list[str] = []
    found = list(lines(path, problems))
    assert [(line.where, line.raw) for line in found] == [(f"{path}:1", {"id": "a"}), (f"{path}:4", {"id": "b"})]
    assert problems == []


def test_byte_order_mark_windows_ends_and_line_separators_within_text(write_lines) -> None:
    path = write_lines("f.jsonl", b'\xef\xbb\xbf{"id": "a"}\r', '{"id": "b\u2028c\x85"}')
    assert [line.raw["id"] for line in lines(path, [])] == ["a", "b\u2028c\x85"]


def test_last_line_needs_no_end(tmp_path) -> None:
    (tmp_path / "f.jsonl").write_bytes(b'{"id": 1}\n{"id": 2}')
    assert len(list(lines(tmp_path / "f.jsonl", []))) == 2


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ('{"id": "Zorblax"', "not valid JSON from column 17 on"),
        ("Zorblax", "not valid JSON from column 1 on"),
        ('{"id": "Zorblax\\q"}', "not valid JSON from column 16 on"),
        ('{"id": "Zorblax\t"}', "not valid JSON from column 16 on"),
        ('{"id": 1}{"id": 2}', "not valid JSON from column 10 on"),
        (b'{"id": "Zorblax\xff"}', "not UTF-8 at byte 16"),
        ('["Zorblax"]', "must be an object with fields, in braces"),
        ("null", "must be an object with fields, in braces"),
        ('{"Zorblax": 1, "Zorblax": 2}', "a field is given twice"),
        ('{"messages": [{"role": 1, "role": 2}]}', "a field is given twice"),
        ("[" * 200_000, "a number too long or lists too deep to be read"),
        ('{"id": ' + "1" * 5000 + "}", "a number too long or lists too deep to be read"),
    ],
)
def test_bad_line_is_named_without_its_content_and_the_others_are_read(write_lines, bad, reason: str) -> None:
    path = write_lines("f.jsonl", {"id": "a"}, bad, {"id": "c"})
    problems: list[str] = []
    assert [line.raw["id"] for line in lines(path, problems)] == ["a", "c"]
    assert problems == [f"{path}:2: json: {reason}"]
