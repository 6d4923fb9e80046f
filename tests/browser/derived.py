"""The gate `live` on derivations: the editor of a page, its verdicts, and its counterexamples computed again."""

import json
import re
from typing import Any

from playwright.sync_api import Locator, Page
from touched import PROOF, asked, chosen, nth, pressed, said, words_of

from wrong_lines import LINES, Wrong, tables, unlike

__all__ = ["all_wrong", "broken", "chains_hold", "corpus", "typed", "uneven", "unreadable"]

FINAL = re.compile(r"^(?!.*Going on)(?!Loading)\s*\S")
TEX = "one => one.querySelector('annotation')?.textContent ?? one.textContent"
UNREAD = ((r"= p +", None), (r"= 1 + )", 7), (r"= \frac{1}", None), (r"p = 1", 1), (r"= 1 = 1", None))
TRIED = 3  # wrong lines of a page that are typed; all are sent past the editor


def held(root: Locator) -> list[dict[str, Any]]:
    """The chains that an editor has, as the page holds them."""
    return json.loads(root.locator("script").text_content() or "")["chains"]


def write(root: Locator, lines: list[str], keys: bool = False) -> None:
    """Put lines between the two ends."""
    area = root.locator("textarea")
    if keys:
        area.focus()
        root.page.keyboard.press("ControlOrMeta+A")
        root.page.keyboard.insert_text("\n".join(lines))
    else:
        area.fill("\n".join(lines))


def verdict(root: Locator, keys: bool = False) -> str:
    """What is said in the end of a check; empty if nothing is."""
    told = root.locator(":scope > .verdict")
    told.evaluate("one => one.textContent = ''")
    pressed(nth(root, "Check"), keys)
    return said(told, FINAL)


def pick(root: Locator, number: int, keys: bool) -> dict[str, Any]:
    """Choose a chain of the page, and put the page's own lines in."""
    found = held(root)
    if len(found) > 1:
        chosen(root.locator("label.choice select").first, str(number), keys)
    pressed(nth(root, "The page's chain"), keys)
    return found[number]


def lines_of(chain: dict[str, Any]) -> list[str]:
    return [" ".join(line) for line in chain["lines"]]


def marks(root: Locator) -> list[tuple[int, str, str]]:
    """What the ladder says: the step, the model, and the words."""
    return [
        (step, model, " ".join(text.split()))
        for step, model, text in root.locator(".ladder > li").evaluate_all(
            "all => all.flatMap((row, step) => [...row.querySelectorAll('[data-model]')]"
            ".map(one => [step - 1, one.dataset.model, one.textContent]))"
        )
    ]


# ---- what holds


def chains_hold(page: Page, keys: bool) -> list[str]:
    """The page's own chains have no counterexample, nothing is called a proof, and an empty one has shown nothing."""
    root, found = page.locator("[data-widget=derivation]"), []
    for number in range(len(held(root))):
        chain = pick(root, number, keys)
        name, models = chain["title"], chain["given"]["models"]
        words = verdict(root, keys)
        if not words.startswith("No counterexample in "):
            found.append(f"{name}: the page's chain gets {words or 'no verdict'!r}")
        due = {(step, model) for step in range(len(chain["lines"])) for model in models}
        shown = marks(root)
        if {(step, model) for step, model, _ in shown} != due or len(shown) != len(due):
            found.append(f"{name}: {len(shown)} marks are shown for {len(due)} steps in models")
        for step, model, text in shown:
            if not re.fullmatch(rf"✓ no counterexample in \d+ instances of {re.escape(model)}", text):
                found.append(f"{name}: step {step + 1} is marked {text!r}")
        if not root.locator(".ladder .katex").count():
            found.append(f"{name}: no line is typeset")
        found += [
            f"{name}: {text!r} speaks of a proof"
            for text in (words, *(text for *_, text in shown))
            if PROOF.search(text)
        ]
        pressed(nth(root, "Empty"), keys)
        words = verdict(root, keys)
        if not words.startswith("Nothing was shown"):
            found.append(f"{name}: an empty derivation gets {words!r}")
    return found


def uneven(page: Page, keys: bool) -> list[str]:
    """Models are switched off and on, and an instance is looked at."""
    root, found = page.locator("[data-widget=derivation]"), []
    chain = pick(root, 0, keys)
    models = chain["given"]["models"]
    for model in models if len(models) > 1 else ():
        for box in root.locator("input[type=checkbox]").all():
            if box.is_checked() != (box.input_value() == model):
                box.press("Space") if keys else box.click()
        words = verdict(root, keys)
        if {each for _, each, _ in marks(root)} != {model} or not re.search(rf"instances of {model},", words):
            found.append(f"only {model} is chosen, and the verdict is {words!r}")
    for box in root.locator("input[type=checkbox]").all():
        box.set_checked(True)
    for number in range(2):
        root.locator(":scope > .verdict").evaluate("one => one.textContent = ''")
        pressed(nth(root, "Look at an instance"), keys)
        words = said(root.locator(":scope > .verdict"), f"Instance {number + 1} of {models[0]}")
        values = root.locator(".ladder .value").all_text_contents()
        if not words or len(values) != len(chain["lines"]) + 1:
            found.append(f"an instance is looked at, and {len(values)} values and {words!r} are shown")
            continue
        at = tables(address(page), instance(root.locator(":scope > .counterexample")))
        first = next(wrong for wrong in LINES if wrong.chain == chain["given"]["id"]).left(at)
        if abs(float(values[0].replace("−", "-").replace("∞", "inf")) - first) > 5.1e-6 * max(abs(first), 1e-6):
            found.append(f"instance {number + 1}: the first expression is {first:.6g}, and {values[0]} is shown")
    return found


def address(page: Page) -> str:
    return page.url.rstrip("/").split("/")[-1]


def instance(root: Locator) -> dict[str, str]:
    """Names in LaTeX, and texts, of an instance that is shown; what the step says stands under its last name."""
    names, texts = root.locator("dt").evaluate_all(f"all => all.map({TEX})"), root.locator("dd").all_text_contents()
    return dict(zip(names, texts, strict=True))


# ---- what does not hold


def typed(page: Page, keys: bool) -> list[str]:
    """Type some wrong lines, and compute the two numbers that are shown."""
    root, found = page.locator("[data-widget=derivation]"), []
    own = [wrong for wrong in LINES if wrong.page == address(page)]
    chains = {chain["given"]["id"]: number for number, chain in enumerate(held(root))}
    for wrong in own[:: len(own) // TRIED][:TRIED]:
        chain = pick(root, chains[wrong.chain], keys)
        write(root, with_line(chain, wrong)[:-1], keys)
        page.wait_for_timeout(200)  # the ladder follows the typing
        words = verdict(root, keys)
        step = root.locator(".ladder > li").nth(wrong.step + 1)
        if "fails" not in words or not step.locator(".bad").count():
            found.append(f"{wrong.line}: gets {words!r}, and no mark at its step")
            continue
        place = instance(step.locator(".counterexample").first)
        numbers = re.fullmatch(r"(\S+) (\S+) (\S+), false", place.pop("the step says", ""))
        if not numbers:
            found.append(f"{wrong.line}: its counterexample does not say which numbers differ")
            continue
        found += unlike(
            wrong, {"instance": place.items(), **dict(zip(("left", "sign", "right"), numbers.groups(), strict=True))}
        )
    return found


def with_line(chain: dict[str, Any], wrong: Wrong) -> list[str]:
    lines = lines_of(chain)
    lines[wrong.step] = wrong.line
    return lines


def all_wrong(page: Page) -> list[str]:
    """Send every wrong line to the page's Python, and compute the numbers of its first counterexample."""
    chains = {chain["given"]["id"]: chain for chain in held(page.locator("[data-widget=derivation]"))}
    own, found = [wrong for wrong in LINES if wrong.page == address(page)], []
    sent = []
    for wrong in own:
        given = chains[wrong.chain]["given"]
        sent.append(
            (
                "derivation",
                {"given": given, "lines": with_line(chains[wrong.chain], wrong), "models": given["models"][:1]},
            )
        )
    for wrong, answers in zip(own, asked(page, *sent), strict=True):
        at = next((answer for answer in answers if "counterexample" in answer), None)
        if not at or at["step"] != wrong.step:
            found.append(f"{wrong.line}: gets no counterexample at its step, but {at or answers[-1]}")
        else:
            found += unlike(wrong, at["counterexample"])
    return found


def broken(page: Page, keys: bool) -> list[str]:
    """Let the page break its chain, and choose every line, once from the top and once from the end."""
    root, found = page.locator("[data-widget=derivation]"), []
    told = root.locator(":scope > .verdict")
    for backwards in (False, True):
        chain = pick(root, 0, keys)
        pressed(nth(root, "Break it"), keys)
        if not said(told, "Which line is it?"):
            return [*found, f"Break it: nothing is broken in time, but {words_of(told)!r}"]
        lines = [*(line.strip() for line in root.locator("textarea").input_value().split("\n")), ""]
        lines[-1] = f"{root.get_by_label('Relation before the last expression').input_value()} {chain['lines'][-1][1]}"
        differs = [step for step, (old, new) in enumerate(zip(lines_of(chain), lines, strict=True)) if old != new]
        accepted = []
        buttons = root.get_by_role("button", name="This line was changed", exact=True)
        for place in sorted(range(buttons.count()), reverse=backwards):
            if buttons.count() <= place:
                break
            pressed(buttons.nth(place), keys)
            words = words_of(told)
            if words.startswith("Yes"):
                accepted.append(place)
                if not root.locator(".ladder .counterexample").count():
                    found.append("Break it: the line is found, and no counterexample is shown")
            elif "Try another" not in words:
                found.append(f"Break it: line {place + 1} gets {words!r}")
        if len(differs) != 1 or accepted != differs:
            found.append(f"Break it: lines {differs} are changed, and {accepted} are accepted, counted from 0")
    return found


def unreadable(page: Page, keys: bool) -> list[str]:
    """Type what cannot be read, and what would define a name."""
    root, found = page.locator("[data-widget=derivation]"), []
    chain = pick(root, 0, keys)
    for line, column in UNREAD:
        write(root, [line, *lines_of(chain)[1:-1]], keys)
        words = verdict(root, keys)
        told = next((text for step, _, text in marks(root) if step == 0), "")
        at = re.match(r"Cannot be read at column (\d+): \S", told)
        if words != "A line cannot be read." or not at or not 1 <= int(at[1]) <= len(line) + 1:
            found.append(f"{line}: is told {words!r}, {told!r}")
        elif column and int(at[1]) != column:
            found.append(f"{line}: cannot be read at column {column}, and {at[1]} is told")
    write(root, ["= w := 1", *lines_of(chain)[1:-1]], keys)
    verdict(root, keys)
    told = next((text for step, _, text in marks(root) if step == 0), "")
    if "cannot define a name" not in told:
        found.append(f"a definition is told {told!r}")
    return found


# ---- the wrong formulas of the tests


CORPUS = """
from hw.checked_math.pages import check_text
for text in texts:
    *_, record = check_text(text, "page.md")
    found = record.counterexample
    place = found and [[list(pair) for pair in found.instance], found.left, found.sign, found.right]
    print(json.dumps([record.status, record.instances, place]))
"""
BATCH = 40


def corpus(page: Page) -> tuple[int, list[str]]:
    """Check every wrong formula of the tests in the page's Python, and compare with this one's counterexample."""
    from test_checked_math_corpus import GIVEN, WRONG, check

    def text(claim: Any) -> str:
        head = f'```math id="given" model="{claim.model}"\n{GIVEN[claim.given]}\n```\n\n' if claim.given else ""
        assume = f' assume="{claim.assume}"' if claim.assume else ""
        return f'{head}```math id="claim" model="{claim.model}"{assume}\n{claim.latex}\n```\n'

    found: list[str] = []
    for start in range(0, len(WRONG), BATCH):
        claims = WRONG[start : start + BATCH]
        texts = f"import json\ntexts = json.loads({json.dumps(list(map(text, claims)))!r})"
        (answers,) = asked(page, ("run", {"code": texts + CORPUS}))
        shown = "".join(answer.get("shown", "") for answer in answers)
        lines = [line for line in shown.splitlines() if line.startswith("[")]
        if len(lines) != len(claims):
            found.append(
                f"{len(lines)} of {len(claims)} wrong formulas are judged in the page: {shown[-300:]!r} {answers[-1]}"
            )
            continue
        for claim, line in zip(claims, map(json.loads, lines), strict=True):
            record = check(claim.latex, claim.model, claim.assume, claim.given)
            here = record.counterexample
            place = here and [[list(pair) for pair in here.instance], here.left, here.sign, here.right]
            if line[0] != "refuted" or not alike(line, [record.status, record.instances, place]):
                found.append(
                    f"{claim.model}: {claim.id}: is {line} in the page, {[record.status, record.instances, place]} here"
                )
    return len(WRONG), found


def alike(one: Any, other: Any) -> bool:
    """Whether two outcomes are the same, but for numbers that are zero up to rounding."""
    return re.sub(r"−?\d[\d.]*e−1[4-9]\b", "0", repr(one)) == re.sub(r"−?\d[\d.]*e−1[4-9]\b", "0", repr(other))
