"""The gate `live` on quizzes, on snippets that run, and on figures with sliders."""

import re
from typing import Any

from playwright.sync_api import Error, Locator, Page
from touched import nth, pressed, said, words_of

__all__ = ["frames", "frames_missing", "quizzes", "snippets", "snippets_broken"]

QUIZ = """form => [...form.querySelectorAll("fieldset")].map((set) => {
    const inputs = [...set.querySelectorAll("input")], key = inputs[0].name.replace("quiz-", "");
    return { key, several: inputs[0].type === "checkbox", options: inputs.map((input) => {
        const letter = /\\((\\w)\\)/.exec(input.closest("label").textContent)[1], token = `${key}(${letter})`;
        const reason = document.querySelector(`[data-right~="${token}"], [data-wrong~="${token}"]`);
        return { letter, right: reason.matches(`[data-right~="${token}"]`), counter: reason.dataset.counter,
                 argued: !!reason.dataset.argued, id: reason.id || reason.firstElementChild?.id };
    }) };
})"""
SHOWN = """one => {
    const beneath = one.previousElementSibling;
    if (beneath.matches(".language-text")) return beneath.textContent;
    const lines = beneath.querySelector("code").textContent.split("\\n");
    return lines.filter((line) => !/^(>>>|\\.\\.\\.)( |$)/.test(line)).join("\\n");
}"""
ENDED = """root => {
    const [button] = root.querySelectorAll(".acts button");
    return button.textContent === "Run" && root.querySelector("pre").ariaBusy === "false";
}"""
FRAME = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
SHOWS = ".claim, .highlight, table, .katex, img, svg"  # what a counterexample is made of


# ---- quizzes


def quizzes(page: Page, keys: bool) -> list[str]:
    """Choose every option alone, then what is right, in every quiz of a page."""
    found = []
    for form in page.locator("form.quiz").all():
        sets = form.evaluate(QUIZ)
        if "nothing is chosen yet" not in answered(form, {}, keys):
            found.append(f"{sets[0]['key']}: an empty answer is not told so")
        for one in sets:
            for option in one["options"]:
                found += option_unlike(form, one, option, keys)
        rights = {one["key"]: {option["letter"] for option in one["options"] if option["right"]} for one in sets}
        words = answered(form, rights, keys)
        if (
            " wrong " in words
            or "is missing" in words.replace("No right choice is missing", "")
            or "right" not in words
        ):
            found.append(f"{sets[0]['key']}: the right answers get {words!r}")
        pressed(nth(form, "Start again"), keys)
        if form.locator("input:checked").count() or words_of(form.get_by_role("status")):
            found.append(f"{sets[0]['key']}: is not empty when started again")
    return found


def answered(form: Locator, letters: dict[str, set[str]], keys: bool) -> str:
    """Choose these letters and nothing else, check, and return what is said."""
    pressed(nth(form, "Start again"), keys)
    for key, chosen in letters.items():
        for letter in sorted(chosen):
            box = form.locator(f'input[name="quiz-{key}"]').and_(
                form.locator(f"xpath=.//label[contains(., '({letter})')]//input")
            )
            box.press("Space") if keys else box.click()
    pressed(form.get_by_role("button", name=re.compile("^Check")), keys)
    return words_of(form.get_by_role("status"))


def option_unlike(form: Locator, one: dict[str, Any], option: dict[str, Any], keys: bool) -> list[str]:
    """What is wrong with the answer to an option that is chosen alone."""
    token, right = f"{one['key']}({option['letter']})", option["right"]
    words = answered(form, {one["key"]: {option["letter"]}}, keys)
    word = ("a right" if one["several"] else "the right") if right else "a wrong"
    found = (
        [] if f"({option['letter']}) is {word} choice." in words else [f"{token}: is {word} one, and gets {words!r}"]
    )
    rights = sum(each["right"] for each in one["options"])
    if one["several"] and ("A right choice is missing." in words) != (right < rights):
        found.append(f"{token}: {rights} are right, and chosen alone it gets {words!r}")
    answers = [each for each in form.locator(".answer").all() if words_of(each)]
    if len(answers) != 1:
        return [*found, f"{token}: is chosen alone, and {len(answers)} answers are shown"]
    reason = words_of(answers[0]).partition("choice.")[2].replace("In its place on the page", "")
    if len(reason) < 20:
        found.append(f"{token}: gets no reason")
    if not answers[0].locator(f"a[href='#{option['id']}']").count():
        found.append(f"{token}: its reason is not linked")
    if right:
        return found
    if option["counter"] and not answers[0].locator(f"a[href='#{option['counter']}']").count():
        found.append(f"{token}: its counterexample is not linked")
    if not answers[0].locator(SHOWS).count() and not (option["argued"] and "Argued in words" in reason):
        found.append(f"{token}: no counterexample is shown, and it is not said that there is none")
    return found


# ---- snippets


def snippets(page: Page, keys: bool) -> list[str]:
    """Run each snippet of a page as it stands, and compare with the output beneath it."""
    found = []
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    for number, root in enumerate(page.locator(".run").all(), 1):
        due = root.evaluate(SHOWN)
        printed, words = ran(root, keys)
        if " ".join(printed.split()) != " ".join(due.split()):
            found.append(f"snippet {number}: prints {printed[:200]!r}, {words!r}, and the page shows {due[:200]!r}")
    return found


def ran(root: Locator, keys: bool) -> tuple[str, str]:
    """Run what stands in a snippet to its end; return what it prints, and what is said."""
    pressed(nth(root, "Run"), keys)
    try:
        root.page.wait_for_function(
            ENDED,
            arg=root.element_handle(),
        )
    except Error:
        return root.locator("output").text_content() or "", "nothing, and it does not end"
    root.page.evaluate(FRAME)  # output is shown a frame at a time
    return root.locator("output").text_content() or "", words_of(root.locator(".verdict"))


ENDS = (  # code of a reader, what it prints at its end, and what is said
    ("a = 6\na * 7\nprint('done')", r"^42\ndone\n$", r"^$"),
    ("def half(n):\n    return n / 0\nhalf(3)", r"^Traceback [^�]*\nZeroDivisionError: division by zero\n$", r"^$"),
    ("x = (", r"SyntaxError: '\(' was never closed\n$", r"^$"),
    ("import torch", r"\nModuleNotFoundError: No module named 'torch'\n$", r"^torch is not in this page"),
    ("x = 1", r"^$", r"printed nothing"),
    (
        "while True:\n    print('again ' * 9)",
        r"again again[^�]*… and more: the output stops after 100000 characters\n$",
        r"^$",
    ),
    ("#" * 30_000, r"^$", r"must have at most 20000 characters"),
    ("\\\\ 🦊 {{{ \x01", r"SyntaxError: ", r"^$"),
)


def snippets_broken(page: Page, keys: bool) -> list[str]:
    """Edit a snippet: what runs, errors, output without end, and a loop without end that is stopped."""
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    root, found = page.locator(".run").first, []
    pressed(nth(root, "Edit"), keys)
    area = root.locator("textarea")
    if not area.evaluate("one => one === document.activeElement"):
        found.append("Edit does not bring the focus to the code")
    for code, output, words in ENDS:
        area.fill(code)
        printed, told = ran(root, keys)
        if not re.search(output, printed.replace("\r", "")) or not re.search(words, told):
            found.append(f"{code[:40]!r}: prints {printed[-200:]!r} and says {told!r}")
    for code in ("while True: pass", "while True:\n    try:\n        1 / 0\n    except BaseException: pass"):
        area.fill(code)
        pressed(nth(root, "Run"), keys)
        nth(root, "Stop").wait_for()
        said(root.locator(".verdict"), "Running")
        pressed(nth(root, "Stop"), keys)
        if not said(root.locator(".verdict"), "Stopped."):
            return [*found, f"{code[:40]!r}: is stopped, and {words_of(root.locator('.verdict'))!r} is said"]
    area.fill("1 + 1")
    printed, told = ran(root, keys)
    if printed != "2\n":
        found.append(f"after a loop was stopped, 1 + 1 prints {printed!r} and says {told!r}")
    pressed(nth(root, "Reset"), keys)
    if area.is_visible() or nth(root, "Edit").count() != 1:
        found.append("Reset does not bring the snippet back")
    return found


# ---- figures with sliders


def frames(page: Page, keys: bool) -> list[str]:
    """Move every slider, by keys or by mouse: drawing and words follow, and the first position is what stood there."""
    found = []
    for figure in page.locator("[data-widget=frames]").all():
        name = (figure.get_attribute("data-frames") or "").rpartition("/")[2]
        drawn, words = figure.locator(".drawn"), figure.locator(".words")
        first, first_words = drawn.evaluate(SHAPES), words_of(words)
        for slider in figure.get_by_role("slider").all():
            start, last = slider.input_value(), slider.get_attribute("max") or ""
            for target in (last if start != last else "0", start):
                before = words_of(words)
                move(slider, target, start, keys)
                try:
                    words.filter(has_not_text=re.compile(f"^{re.escape(before)}$")).wait_for()
                except Error:
                    found.append(f"{name}: a slider is at {slider.input_value()}, and the words stay {before!r}")
                text = slider.evaluate("one => JSON.parse(one.closest('.slider').dataset.positions)[one.value]")
                told = slider.get_attribute("aria-valuetext"), words_of(slider.locator("xpath=../output"))
                if told != (text, text):
                    found.append(f"{name}: a slider is at {text!r}, and says {told}")
                if target != start and drawn.evaluate(SHAPES) == first:
                    found.append(f"{name}: a slider is at {text!r}, and the drawing is the first one")
            if (drawn.evaluate(SHAPES), words_of(words)) != (first, first_words):
                found.append(f"{name}: back at its start, the figure is not as it was")
    return found


SHAPES = """one => [...one.querySelectorAll("path, circle, text")]
    .map((part) => (part.getAttribute("d") ?? "") + part.textContent).join(" ")"""


def move(slider: Locator, target: str, start: str, keys: bool) -> None:
    """Move a slider to its end or from there back to its start."""
    slider.focus()
    if target != start:
        if keys:
            slider.press("End" if target != "0" else "Home")
        else:
            box = slider.bounding_box() or {}
            at = (box["width"] - 4 if target != "0" else 4, box["height"] / 2)
            slider.click(position=dict(zip("xy", at, strict=True)))
        return
    for _ in range(200):
        now = slider.input_value()
        if now == target:
            return
        slider.press("ArrowLeft" if int(now) > int(target) else "ArrowRight")


def frames_missing(page: Page) -> list[str]:
    """Without its file, a figure says so and stays as it is."""
    found = []
    page.route("**/assets/frames/*.json", lambda route: route.fulfill(status=404, body="gone"))
    for figure in page.locator("[data-widget=frames]").all():
        drawn, words = figure.locator(".drawn"), figure.locator(".words")
        before, slider = drawn.inner_html(), figure.get_by_role("slider").first
        start = slider.input_value()
        slider.press("ArrowRight")
        if not said(words, "could not be loaded"):
            found.append(f"without its frames, a figure says {words_of(words)!r}")
        if drawn.inner_html() != before or slider.input_value() != start:
            found.append("without its frames, a figure does not stay as it is")
    page.unroute_all()
    return found
