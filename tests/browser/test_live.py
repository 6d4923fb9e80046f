"""Defects planted in a small site of all widgets; its Python runs in the test's own server in place of a worker."""

import json
import shutil
import threading
import time
import zipfile
from contextlib import contextmanager
from functools import partial

import answered
import browsing
import derived
import harmed
import live
import pytest
import touched
import walked
from browsing import ROOT, launched
from touched import DESK, PHONE, opened

from hw.figures.grids import pixel_grid, pixel_names
from hw.live import calls
from hw.live.fields import explored
from hw.site.editor import editor
from hw.site.offline import NAME
from wrong_lines import LINES, unlike

WORKER = """
onmessage = async ({ data: { wheel, number, call, argument } }) => {
  if (wheel) return postMessage({ ready: true });
  const answers = await (await fetch("/answer", { method: "POST", body: JSON.stringify([call, argument]) })).json();
  for (const answer of answers) postMessage({ number, answer });
  postMessage({ number, done: true });
};
"""
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{address}</title>
<meta name="hw:wheel" content="../hw.whl"><link rel="icon" href="data:,">
<link rel="stylesheet" href="../assets/css/book.css">
<body class="md-typeset"><main><article><h1>{address}</h1>
<p class="offline">What is tried here needs a server.</p>{body}</article></main>
<script type="module" src="../assets/js/interactive.js"></script>"""
GRID = f"""<figure data-widget="grid" data-cases="1.1 AA,1.2 AB">
{pixel_grid([[0] * 5] * 5, "The empty answer form", output=(2, 2), numbers=pixel_names((5, 5)))}</figure>"""
FOUND = explored("ABB", kernel=3, side=9, output=(5, 4))
EXPLORER = f"""<figure data-widget="explorer" data-start='{{"kinds": "ABB", "kernel": 3, "side": 9, "output": [5, 4]}}'>
<div class="drawn">{FOUND["svg"]}</div><p class="words">{FOUND["words"]}</p><figcaption>Paths.</figcaption></figure>"""
QUIZ = """<p data-asks="4.1"><em>4.1</em> Which one is even?</p>
<ul data-options="4.1"><li>(a) one</li><li>(b) two</li></ul>
<div data-widget="quiz" data-question="4.1"></div>
<ul><li id="option-a" data-wrong="4.1(a)">It is odd, as one divided by two leaves one: <code>1 % 2</code>.
<table><tr><td>1</td></tr></table></li>
<li id="option-b" data-right="4.1(b)">It is even, since two halves make it whole.</li></ul>"""
FRAMES = """<div class="frames" data-widget="frames" data-frames="../assets/frames/lines.json">
<div class="drawn"><svg viewBox="0 0 9 9" role="img" aria-label="One"><path d="M0 0h1"/></svg></div>
<div class="sliders">
<div class="slider" data-positions='["one", "two"]' data-start="0"><span>length</span> <output>one</output></div></div>
<p class="words">It is one.</p></div>"""
DRAWN = [
    [f'<svg viewBox="0 0 9 9" role="img" aria-label="{n}"><path d="M0 0h{n}"/></svg>', f"It is {w}."]
    for n, w in ((1, "one"), (2, "two"))
]
RUN = """<div class="language-pycon highlight" data-widget="run"><pre><span></span><code>&gt;&gt;&gt; 20 + 1
21
</code></pre></div>"""
EDITOR = editor(str(ROOT / "docs/gan.md"), {"divergence": "4.6 (a) the divergence"})
BODIES = {"autoregressive/": GRID + EXPLORER, "gan/": QUIZ + EDITOR + FRAMES + RUN}
LOOP = "while True"
NO_TORCH = """raise ModuleNotFoundError("No module named 'torch'")"""


class Handler(browsing._Handler):
    """Serves a folder, and answers as the page's Python does; `spoil` may change the answers of a call."""

    spoil = staticmethod(lambda call, answers: answers)

    def do_POST(self):
        call, argument = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        shown: list[str] = []
        argument = argument.replace("import torch", json.dumps(NO_TORCH)[1:-1])
        if LOOP in argument and "print" not in argument:
            time.sleep(60)  # it does not end
        calls.answer(call, argument, shown.append)
        body = json.dumps([json.dumps(one) for one in type(self).spoil(call, list(map(json.loads, shown)))]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def served(site, spoil=None):
    own = type("Own", (Handler,), {"spoil": staticmethod(spoil)} if spoil else {})
    server = browsing._Server(("127.0.0.1", 0), partial(own, site))
    threading.Thread(target=server.serve_forever, args=(browsing.POLL,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def site(tmp_path):
    for address, body in BODIES.items():
        (tmp_path / address).mkdir()
        (tmp_path / address / "index.html").write_text(PAGE.format(address=address, body=body), "utf-8")
    for folder in ("js", "css", "katex"):
        shutil.copytree(ROOT / "docs/assets" / folder, tmp_path / "assets" / folder)
    (tmp_path / "assets/js/worker.js").write_text(WORKER, "utf-8")
    (tmp_path / "assets/frames").mkdir()
    (tmp_path / "assets/frames/lines.json").write_text(json.dumps(DRAWN), "utf-8")
    with zipfile.ZipFile(tmp_path / NAME, "w") as packed:
        for address in BODIES:
            packed.write(tmp_path / address / "index.html", f"hw/{address}index.html")
    return tmp_path


@pytest.fixture(scope="module")
def browser():
    with launched() as one:
        yield one


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(touched, "PATIENCE", 4)


def looked_at(browser, base, address, part, view=DESK):
    with opened(browser, base + address, base, [], view) as page:
        return part(page)


@pytest.mark.parametrize("keys", [False, True])
@pytest.mark.parametrize("address", BODIES)
def test_a_site_without_defects_has_no_findings(site, browser, monkeypatch, address, keys):
    monkeypatch.setattr(touched, "PATIENCE", 20)
    monkeypatch.setattr(live, "axed", live.axed if live.views.AXE.exists() else lambda page: [])
    with served(site) as base:
        assert live.page_lines(site, browser, base, address, keys) == []


def test_what_goes_wrong_in_it_is_told(site, browser, monkeypatch):
    monkeypatch.setattr(touched, "PATIENCE", 20)
    with served(site) as base:
        assert looked_at(browser, base, "gan/", lambda page: derived.unreadable(page, True)) == []
        assert looked_at(browser, base, "gan/", lambda page: answered.snippets_broken(page, False)) == []
        assert looked_at(browser, base, "gan/", answered.frames_missing) == []
        assert harmed.crashed(browser, base) == []
        assert harmed.bare(browser, base, list(BODIES)) == harmed.unzipped(browser, site, list(BODIES)) == []


# ---- defects: where, what stands there, what comes in its place, which part looks, and what it must say

QUIZZES, HOLDS, BROKEN = (partial(part, keys=False) for part in (answered.quizzes, derived.chains_hold, derived.broken))
SCRIPTS = {
    "an arrow that goes the other way": (
        *("grid.js", "ArrowUp: [-1, 0]", "ArrowUp: [1, 0]"),
        *("autoregressive/", lambda page: walked.grid(page, True), "pixels were filled by keys"),
    ),
    "a path from elsewhere": (
        *("grid.js", "found.path.map(point)", "found.path.slice(1).map(point)"),
        *("autoregressive/", lambda page: walked.grid(page, False), "is no path from (2, 2) to"),
    ),
    "pixels that do not say whether they are filled": (
        *("grid.js", 'cell.setAttribute("aria-pressed", is)', 'cell.ariaLabel = is ? "on" : "off"'),
        *("autoregressive/", live.spoken, "the pixels do not tell whether they are filled"),
    ),
    "a list without a name": (
        *("parts.js", '{ className: "choice" }, label, list', '{ className: "choice" }, list'),
        *("autoregressive/", live.spoken, "a combobox has no name"),
    ),
    "an output that cannot be clicked": (
        *("explorer.js", 'place.addEventListener("click"', 'place.addEventListener("dblclick"'),
        *("autoregressive/", lambda page: walked.explorer(page, False), "a click on a pixel: nothing else is said"),
    ),
    "wrong for right": (
        *("quiz.js", 'right ? (several ? "a right" : "the right") : "a wrong"', '!right ? "the right" : "a wrong"'),
        *("gan/", QUIZZES, "4.1(b): is the right one, and gets '4.1: (b) is a wrong choice.'"),
    ),
    "options of one name": (
        *("quiz.js", "const text = make(", 'choice.input.ariaLabel = "this"; const text = make('),
        *("gan/", live.spoken, "quiz: two options are called 'this'"),
    ),
    "an option without its reason": (
        *("quiz.js", "...explained(reason));", ");"),
        *("gan/", QUIZZES, "4.1(a): gets no reason"),
    ),
    "a quiz that stays as it was": (
        *("quiz.js", 'form.addEventListener("reset", clear);', ""),
        *("gan/", QUIZZES, "is not empty when started again"),
    ),
    "a step that says it is proved": (
        *("derivation.js", "✓ no counterexample in", "✓ proved in"),
        *("gan/", HOLDS, "speaks of a proof"),
    ),
    "an empty derivation that is checked as it stands": (
        *("derivation.js", 'button("Empty", empty)', 'button("Empty", () => start(chain.lines))'),
        *("gan/", HOLDS, "an empty derivation gets 'No counterexample"),
    ),
    "models that cannot be switched off": (
        *("derivation.js", 'querySelectorAll("input:checked")', 'querySelectorAll("input")'),
        *("vae/", lambda page: derived.uneven(page, False), "only latent is chosen"),
    ),
    "lines as they were before": (
        *("derivation.js", 'area.value.split("\\n")', 'chain.lines.slice(0, -1).map((line) => line.join(" "))'),
        *("gan/", lambda page: derived.typed(page, False), "and no mark at its step"),
    ),
    "any line accepted": (
        *("derivation.js", "if (step !== planted.line)", "if (step < 0)"),
        *("gan/", BROKEN, "are accepted, counted from 0"),
    ),
    "output that is not shown": (
        *("run.js", "if (found.shown) print(found.shown);", ""),
        *("gan/", lambda page: answered.snippets(page, False), "snippet 1: prints ''"),
    ),
    "a loop that cannot be stopped": (
        *("run.js", "performance.now() - begun > LATE && stop()", "0"),
        *("gan/", lambda page: answered.snippets_broken(page, False), "is stopped, and"),
    ),
    "words that do not follow": (
        *("frames.js", "[drawn.innerHTML, words.textContent] = all[at]", "[drawn.innerHTML] = all[at]"),
        *("gan/", lambda page: answered.frames(page, True), "the words stay 'It is one.'"),
    ),
    "a drawing that does not follow": (
        *("frames.js", "[drawn.innerHTML, words.textContent] = all[at]", "[, words.textContent] = all[at]"),
        *("gan/", lambda page: answered.frames(page, False), "and the drawing is the first one"),
    ),
    "a missing file that is not told": (
        *("frames.js", "words.textContent = FAILED", ""),
        *("gan/", answered.frames_missing, "without its frames, a figure says 'It is one.'"),
    ),
}


@pytest.mark.parametrize("defect", SCRIPTS)
def test_a_defect_in_a_script_is_found(site, browser, defect):
    name, old, new, address, part, words = SCRIPTS[defect]
    if address == "vae/":
        (site / address).mkdir()
        body = editor(str(ROOT / "docs/vae.md"), {"decomposition": "3.2"})
        (site / address / "index.html").write_text(PAGE.format(address=address, body=body), "utf-8")
    script = site / "assets/js" / name
    text = script.read_text("utf-8")
    assert text.count(old) == 1
    script.write_text(text.replace(old, new), "utf-8")
    with served(site) as base:
        assert words in "\n".join(looked_at(browser, base, address, part, PHONE))


def right(call, answers):
    """Every drawing is right."""
    return (
        [{"right": True, "words": "Right: these, and no others.", "pixel": None, "path": []}]
        if call == "grid"
        else answers
    )


def talkative(call, answers):
    return [{**one, "words": f"{one['words']} So are 24 and 45."} for one in answers] if call == "grid" else answers


def orderly(call, answers):
    return [
        {**one, "words": one["words"].replace("is not auto", "is auto")} if "words" in one else one for one in answers
    ]


def rounded(call, answers):
    wrong = [one for one in answers if "counterexample" in one]
    for one in wrong:
        one["counterexample"]["right"] = "0.123456"
    return answers


def misplaced(call, answers):
    return [{**one, "at": 400} if one.get("at") else one for one in answers]


@pytest.mark.parametrize(
    ("spoil", "address", "part", "words"),
    [
        (right, "autoregressive/", walked.drawn_wrong, "must tell the first wrong pixel"),
        (talkative, "autoregressive/", walked.drawn_wrong, "beside the first wrong pixel"),
        (orderly, "autoregressive/", lambda page: walked.explorer(page, False), "is not autoregressive, and says"),
        (rounded, "gan/", derived.all_wrong, "and 0.123456 is shown"),
        (rounded, "gan/", lambda page: derived.typed(page, False), "and 0.123456 is shown"),
        (misplaced, "gan/", lambda page: derived.unreadable(page, False), "'Cannot be read at column 400:"),
    ],
)
def test_a_wrong_answer_of_the_library_is_found(site, browser, spoil, address, part, words):
    with served(site, spoil) as base:
        assert words in "\n".join(looked_at(browser, base, address, part))


@pytest.mark.parametrize(
    ("added", "words"),
    [
        ("fetch('../assets/frames/lines.json');", "asks for assets/frames/lines.json before anything is done"),
        ("addEventListener('click', () => localStorage.setItem('answer', 'b'));", "keeps answer"),
        ("addEventListener('click', () => { document.cookie = 'seen=1' });", "keeps seen=1"),
        (
            f"// {''.join(chr(33 + n * n * n % 89) + str(n * 7919 % 10007) for n in range(9000))}",
            "bytes of our JavaScript, compressed",
        ),
        ("console.error('lost');", "console error: lost"),
        ("new Image().src = 'http://127.0.0.2:9/seen.png';", "a request to elsewhere: http://127.0.0.2:9/seen.png"),
    ],
)
def test_what_a_page_must_not_do_is_found(site, browser, monkeypatch, added, words):
    script = site / "assets/js/interactive.js"
    script.write_text(f"{script.read_text('utf-8')}\n{added}", "utf-8")
    monkeypatch.setattr(live, "TRIED", {"gan/": ()})
    monkeypatch.setattr(live, "EVERY", (answered.snippets,))
    monkeypatch.setattr(live, "axed", lambda page: [])
    with served(site) as base:
        assert words in "\n".join(live.page_lines(site, browser, base, "gan/", False))


@pytest.mark.parametrize("name", ["frames", "run"])
def test_a_widget_that_does_not_come_to_life_is_found(site, browser, name):
    script = site / "assets/js/interactive.js"
    text = script.read_text("utf-8")
    assert text.count("=> bind(element)") == 1
    script.write_text(text.replace("bind(", f'element.dataset.widget === "{name}" || bind('), "utf-8")
    with served(site) as base:
        assert "a widget does not come to life" in live.page_lines(site, browser, base, "gan/", False)[0]


def test_a_crash_that_is_not_told_is_found(site, browser):
    script = site / "assets/js/judge.js"
    text = script.read_text("utf-8")
    assert text.count("fresh.onerror") == 1
    script.write_text(text.replace("fresh.onerror", "fresh.onapples"), "utf-8")
    with served(site) as base:
        assert "a worker that crashes: '' is said" in harmed.crashed(browser, base)[0]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            '<div data-widget="quiz"',
            '<div style="height: 9em" data-widget="quiz"',
            "quiz: is an empty box without scripts",
        ),
        ('<p class="words">It', '<button>Move</button><p class="words">It', "frames: has a control without scripts"),
        ('<p class="words">It is one.</p>', "", "frames: has no words without scripts"),
        (
            '<p class="static">',
            '<p class="static">Soon. </p><p hidden>',
            "derivation: does not say that it needs scripts",
        ),
        ("tried here needs a server", "tried here is elsewhere", "offline gan/: does not say why nothing can be tried"),
    ],
)
def test_what_is_wanting_without_scripts_is_found(site, browser, old, new, words):
    file = site / "gan/index.html"
    page = file.read_text("utf-8")
    assert page.count(old) == 1
    file.write_text(
        page.replace(old, new).replace(" script,", " thing,") if "static" in old else page.replace(old, new), "utf-8"
    )
    with zipfile.ZipFile(site / NAME, "w") as packed:
        packed.write(file, "hw/gan/index.html")
    with served(site) as base:
        assert words in [
            *(line.removeprefix("gan/ ") for line in harmed.bare(browser, base, ["gan/"])),
            *harmed.unzipped(browser, site, ["gan/"]),
        ]


def test_the_walks_and_sums_of_the_gate_know_wrong_from_right():
    assert walked.steps("A") == {(-1, -1), (-1, 0), (-1, 1), (0, -1)}
    assert len(walked.steps("B", 5)) == 13
    assert walked.walks("NN", (7, 7), 15).total() == 81
    assert all(len(walked.drawings(kinds)) >= 20 for kinds in ("AA", "AB", "BA", "BB"))
    one = next(wrong for wrong in LINES if wrong.page == "gan")
    found = {
        "instance": [[r"f_0(1),\ f_0(2)", "1, 0"], [r"f_1(1),\ f_1(2)", "0, 1"]],
        "left": "0.693147",
        "sign": "=",
        "right": "∞",
    }
    assert unlike(one, found) == []
    assert unlike(one, {**found, "right": "0.693147"})
