"""What the scripts of a page call: a name and an argument in JSON go in, answers in JSON come out."""

import json
from collections.abc import Callable
from typing import Any

from hw.live.console import run
from hw.live.derivation import broken, checked, given_of, instance
from hw.live.fields import explored, judged

__all__ = ["answer"]

Show = Callable[[Any], None]


def answer(call: str, argument: str, show: Callable[[str], None]) -> None:
    r"""Do what a page's script asks for.

    Args:
        call: One of `grid`, `explorer`, `derivation`, `broken`, `instance` and `run`.
        argument: An object in JSON, whose fields are the arguments.
        show: Called with each answer, an object in JSON; what is refused is an answer with `refused`, in words.

    Raises:
        ValueError: If there is no such call, or the argument is no object with its fields.

    Examples:
        >>> from hw.live.calls import answer
        >>> answer("grid", '{"kinds": "AA", "chosen": [[4, 4]]}', lambda text: print(text[:29]))
        {"right": false, "pixel": [0,
        >>> shown = []
        >>> answer("run", '{"code": "1 + 1"}', shown.append)
        >>> shown
        ['{"shown": "2"}', '{"shown": "\\n"}', '{"ended": true}']
    """
    if call not in CALLS:
        raise ValueError(f"call must be one of {', '.join(CALLS)}, got {call}")
    fields, (act, needed) = json.loads(argument), CALLS[call]
    if not isinstance(fields, dict) or not needed <= fields.keys():
        raise ValueError(f"argument must be an object with {', '.join(sorted(needed))}, got {argument[:60]}")
    try:
        act(fields, lambda found: show(json.dumps(found, ensure_ascii=False)))
    except ValueError as error:
        show(json.dumps({"refused": str(error)}, ensure_ascii=False))


def _grid(fields: dict[str, Any], show: Show) -> None:
    show(judged(fields["kinds"], fields["chosen"]))


def _explorer(fields: dict[str, Any], show: Show) -> None:
    show(explored(fields["kinds"], fields["kernel"], fields["side"], fields["output"]))


def _derivation(fields: dict[str, Any], show: Show) -> None:
    for found in checked(given_of(fields["given"]), fields["lines"], fields.get("models", ())):
        show(found)


def _broken(fields: dict[str, Any], show: Show) -> None:
    show(broken(given_of(fields["given"]), fields["seed"]))


def _instance(fields: dict[str, Any], show: Show) -> None:
    show(instance(given_of(fields["given"]), fields["lines"], fields["model"], fields["number"]))


def _run(fields: dict[str, Any], show: Show) -> None:
    ended = run(fields["code"], lambda text: show({"shown": text}))
    show({"ended": ended})


CALLS: dict[str, tuple[Callable[[dict[str, Any], Show], None], set[str]]] = {  # and the fields that each needs
    "grid": (_grid, {"kinds", "chosen"}),
    "explorer": (_explorer, {"kinds", "kernel", "side", "output"}),
    "derivation": (_derivation, {"given", "lines"}),
    "broken": (_broken, {"given", "seed"}),
    "instance": (_instance, {"given", "lines", "model", "number"}),
    "run": (_run, {"code"}),
}
