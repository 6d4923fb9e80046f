import json
from pathlib import Path

import links
import pytest
from links import accept, check, external, published

BASE = "http://127.0.0.1:8000/"
CLAIM = '<div class="claim checked" id="value">f</div>'
LEDGER = '<table><tr id="row-gan-value"><td><a href="../gan/#value">f</a></td></tr></table>'


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setattr(links, "REGISTER", tmp_path / "register.txt")
    monkeypatch.setattr(links, "addresses", lambda root: {"https://a.org/": ["docs/gan.md"]})
    folder = tmp_path / "site"
    write(folder, "", '<a href="gan/">GANs</a> <a href="#">top</a> <a href="gan/#na%C3%AFve">n</a>')
    write(folder, "gan/", f'<h2 id="naïve">n</h2>{CLAIM}<a href="https://a.org/#x">a</a><a href="/ledger/">ledger</a>')
    write(folder, "ledger/", LEDGER)
    (folder / "404.html").write_text('<a href="/gan/">GANs</a>')
    (folder / "search").mkdir()
    listed(folder, "", "gan/", "ledger/")
    accept(folder, links.REGISTER)
    return folder


def write(folder, page, body, own=None):
    (folder / page).mkdir(parents=True, exist_ok=True)
    head = f'<link rel="canonical" href="{own or BASE + page}">'
    (folder / page / "index.html").write_text(f"<!doctype html><html><head>{head}</head><body>{body}</body></html>")


def listed(folder, *addresses):
    entries = "".join(f"<url><loc>{BASE}{address}</loc></url>" for address in addresses)
    schema = "http://www.sitemaps.org/schemas/sitemap/0.9"
    (folder / "sitemap.xml").write_text(f'<urlset xmlns="{schema}">{entries}</urlset>')
    (folder / "search" / "search_index.json").write_text(json.dumps({"docs": [{"location": a} for a in addresses]}))
    (folder / "llms.txt").write_text("\n".join(f"- [a page]({BASE}{address})" for address in addresses))


def found(site):
    return check(site).findings


def test_a_sound_site_has_no_findings(site):
    assert check(site).findings == []
    assert check(site).figure == "7 links, 1 external, 2 formula addresses"


@pytest.mark.parametrize(
    ("planted", "finding"),
    [
        ('<a href="vae/">', 'the link "vae/" leads nowhere'),
        ('<img src="gan/plot.svg">', 'the link "gan/plot.svg" leads nowhere'),
        ('<script src="http://127.0.0.1:8000/a.js">', 'the link "http://127.0.0.1:8000/a.js" leads nowhere'),
        ('<a href="gan/#ratio">', 'the link "gan/#ratio" leads to no id of gan/'),
        ('<a href="#ratio">', 'the link "#ratio" leads to no id of the home page'),
        ('<a href="">', 'the link "" has no address'),
        ("<a href>", 'the link "" has no address'),
        ('<a href="gan">', 'the link "gan" is a folder\'s; write gan/'),
        ('<a href="http://localhost:8000/gan/">', "leads to the reader's own machine"),
        ('<a href="http://127.0.0.1:8000/gan/">', "leads to the reader's own machine"),
        ('<a href="https://b.org/">', "the external link https://b.org/ is in no source"),
        ('<p id="a"><i id="a">', "the id a is given 2 times"),
        (f'<meta property="og:image" content="{BASE}a.png">', f"own address {BASE}a.png leads nowhere"),
        ('<meta property="og:url" content="https://c.org/">', f"https://c.org/ does not begin with {BASE}"),
    ],
)
def test_a_planted_defect_of_a_page_is_found_alone(site, planted, finding):
    page = site / "index.html"
    page.write_text(page.read_text().replace("</body>", f"\n{planted}</body>"))
    (line,) = found(site)
    assert line.startswith("home: ")
    assert finding in line


def test_a_link_may_lead_to_an_old_name_or_an_encoded_id(site):
    write(site, "ledger/", LEDGER + '<a name="old"></a><a href="#old">o</a><a href="../gan/#na%C3%AFve">n</a>')
    assert found(site) == []


def test_links_are_those_of_the_address_that_the_site_was_built_for(site):
    for page in ("", "gan/", "ledger/"):
        path = site / page / "index.html"
        path.write_text(path.read_text().replace(BASE, "https://d.org/hw/").replace('"/ledger', '"/hw/ledger'))
    (site / "404.html").write_text('<a href="/gan/">GANs</a>')
    for name in ("sitemap.xml", "llms.txt"):
        (site / name).write_text((site / name).read_text().replace(BASE, "https://d.org/hw/"))
    assert found(site) == ['404.html: line 1: the link "/gan/" leaves the site\'s folder']


@pytest.mark.parametrize("name", ["sitemap.xml", "search/search_index.json", "llms.txt"])
def test_a_listed_page_that_is_not_there_is_found(site, name):
    path = site / name
    path.write_text(path.read_text().replace("gan/", "gone/"))
    assert f"{name}: {BASE}gone/ leads nowhere" in found(site)
    assert ("sitemap.xml: gan/ is missing" in found(site)) == (name == "sitemap.xml")


def test_a_map_of_another_site_is_found(site):
    path = site / "sitemap.xml"
    path.write_text(path.read_text().replace(f"{BASE}gan/", "https://d.org/gan/"))
    assert f"sitemap.xml: https://d.org/gan/ does not begin with {BASE}" in found(site)


def test_external_links_are_listed_with_their_pages(site):
    assert external(site) == {"https://a.org/": ["gan/"]}


def test_published_ids_are_those_of_formulas_and_of_their_rows(site):
    assert published(site) == ["gan/#value", "ledger/#row-gan-value"]


def test_a_new_formula_is_found_until_it_is_accepted(site):
    path = site / "gan" / "index.html"
    path.write_text(path.read_text().replace("</body>", '<div class="claim test" id="new">g</div></body>'))
    assert found(site) == ["gan/#new is not in the register yet; python3 dev.py accept adds it"]
    assert accept(site, links.REGISTER) == ["gan/#new"]
    assert found(site) == []


def rename(site, before=""):
    for page in ("gan/", "ledger/"):
        path = site / page / "index.html"
        path.write_text(
            path.read_text().replace("value", "objective").replace('<div class="claim', f'{before}<div class="claim')
        )


def test_a_renamed_formula_is_found_and_accepting_does_not_forget_it(site):
    rename(site)
    accept(site, links.REGISTER)
    assert links.REGISTER.read_text().splitlines() == sorted(
        ["gan/#objective", "gan/#value", "ledger/#row-gan-objective", "ledger/#row-gan-value"]
    )
    formula, row = found(site)
    assert formula.startswith('gan/#value was renamed or removed: give the formula was="value"')
    assert row.startswith("ledger/#row-gan-value was renamed or removed")


def test_a_renamed_formula_that_keeps_its_old_id_is_in_order(site):
    rename(site, '<span id="value"></span>')
    path = site / "ledger" / "index.html"
    path.write_text(path.read_text().replace("<td>", '<td><span id="row-gan-value"></span>'))
    accept(site, links.REGISTER)
    assert found(site) == []


def test_a_page_that_is_gone_takes_its_formulas_with_it(site):
    Path(site, "gan", "index.html").unlink()
    assert any(line.startswith("gan/#value was renamed or removed") for line in found(site))
