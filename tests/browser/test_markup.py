import markup
import pytest
from browsing import Missing
from markup import check

SOUND = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>A page</title></head>
<body><main><h1>A page</h1>
<p>Text</p>
</main></body>
</html>
"""
PLANTED = {
    "a duplicate id": ('<p id="a">A</p><p id="a">B</p>', "no-dup-id"),
    "bad nesting": ("<span><div>A</div></span>", "element-permitted-content"),
    "wrong order": ("<b><i>A</b></i>", "close-order"),
    "an unclosed element": ("<div>A", "close-order"),
    "a label of nothing": ('<label for="nothing">A</label>', "no-missing-references"),
    "no alternative text": ('<img src="a.png">', "wcag/h37"),
    "an unknown attribute value": ('<p tabindex="">A</p>', "attribute-allowed-values"),
    "an unknown element": ("<sheet>A</sheet>", "element-name"),
    "a button without text": ('<button type="button"></button>', "text-content"),
}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Findings by defect, all pages read in one process."""
    site = tmp_path_factory.mktemp("site")
    for number, (planted, _) in enumerate(PLANTED.values()):
        write(site / f"p{number}", SOUND.replace("<p>Text</p>", planted))
    write(site, SOUND)
    findings = check(site).findings
    assert not any(line.startswith("home") for line in findings)
    return {name: [line for line in findings if line.startswith(f"p{i}/: ")] for i, name in enumerate(PLANTED)}


def write(folder, text):
    folder.mkdir(exist_ok=True)
    (folder / "index.html").write_text(text)


@pytest.mark.parametrize("defect", PLANTED)
def test_a_planted_defect_is_found_on_its_line(found, defect):
    _, rule = PLANTED[defect]
    assert any(line.endswith(f"[{rule}]") and "line 5" in line for line in found[defect]), found[defect]


def test_latex_in_a_sentence_is_found_and_in_code_is_not(tmp_path):
    write(tmp_path, SOUND.replace("Text", r"without k \neq i <code>\neq</code>"))
    assert check(tmp_path).findings == [r"home: line 5: \neq is shown as it is written"]


def test_what_is_off_has_a_reason_and_is_not_found(tmp_path):
    assert all(markup.OFF.values())
    write(tmp_path, SOUND.replace("<!DOCTYPE", "<!doctype").replace("<p>", '<p style="color: red" id="__a"> \n'))
    assert check(tmp_path).findings == []


def test_the_same_finding_on_several_pages_is_one_line(tmp_path):
    for name in ("a", "b"):
        write(tmp_path / name, SOUND.replace("<p>Text</p>", "<sheet>A</sheet>\n<sheet>A</sheet>"))
    (line,) = check(tmp_path).findings
    assert line == "a/: line 5: <sheet> is not a valid element name [element-name], 4 times on 2 pages"


def test_a_long_report_is_read_whole(tmp_path):
    write(tmp_path, SOUND.replace("<p>Text</p>", "<sheet>A</sheet>\n" * 600))
    (line,) = check(tmp_path).findings
    assert line.endswith("600 times on 1 page")


def test_a_validator_that_does_not_run_is_no_clean_page(tmp_path, monkeypatch):
    write(tmp_path, SOUND)
    monkeypatch.setattr(markup, "PRESETS", ["html-validate:no-such-preset"])
    with pytest.raises(Missing, match="no-such-preset"):
        check(tmp_path)
