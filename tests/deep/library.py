"""Mutation of the library: every place where one of cosmic-ray's operators fits is changed, and some test has to fail.

The suite runs once under coverage, so that a mutant meets the tests that run its lines and no others. It meets them in
a fork of a process that has collected the suite, with the mutant's code put into the functions; where what changed runs
at import, or in a process that a test starts, in a fork that imports the library from a copy of the checkout in which
the file is changed. The first test that fails ends it. `library_plugin.py` is what runs there.

    python tests/deep/library.py                      all of src
    python tests/deep/library.py src/hw/masks.py      these files; survivors are printed as lines of a diff
"""

import argparse
import collections
import hashlib
import json
import math
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from library_mutants import LEFT_OUT, Mutant, mutants
from library_processes import HERE, UNRUN, Verdict, killed, say
from library_survey import Survey, identity
from outcome import ROOT, Outcome

ENOUGH = 8.0  # seconds of tests, as measured under coverage; a mutant that is alive after them counts as a survivor
LEAST = 0.9  # of the mutants that are not equivalent


def check(
    only: list[str] | None = None,
    sample: int | None = None,
    enough: float = ENOUGH,
    draw: int = 0,
    root: Path = ROOT,
    explained: Path = HERE / "library_survivors.toml",
) -> Outcome:
    """Make the mutants of these files, or of all in `src`; of these, a sample if one is asked for; and run them.

    Args:
        only: Files, from the root.
        sample: How many; a hash of the file with the change, and of `draw`, says which.
        enough: Seconds of tests that a mutant meets at most, cheap ones first, as measured under coverage. One that is
            alive then counts as a survivor, so that the score can only be too low.
        draw: Number of the sample: tests that were written against the survivors of one are judged on another.
        root: The checkout.
        explained: The survivors that are known, each with a reason.
    """
    started = time.monotonic()
    survey = Survey(root, enough)
    files = only or [str(path.relative_to(root)) for path in sorted((root / "src").rglob("*.py"))]
    made = [mutant for file in files for mutant in mutants(survey.original, file)]
    say(f"{len(made)} mutants of {len(files)} files")
    tried = made if sample is None else sorted(made, key=lambda mutant: drawn(mutant, draw))[:sample]
    survey.run(tried)
    reasons = tomllib.loads(explained.read_text("utf-8")).get("survivor", []) if explained.exists() else []
    known = {(entry["file"], entry["before"], entry["after"]): entry.get("reason") for entry in reasons}
    alive = [mutant for mutant in tried if not killed(survey.verdicts[mutant])]
    open_ = [mutant for mutant in alive if not known.get(key(mutant))]
    living = {key(mutant) for mutant in alive} | {key(mutant) for mutant in made if mutant not in survey.verdicts}
    stale = [entry for entry in known if entry[0] in files and entry not in living]
    score = round(ratio(len(tried) - len(alive), len(tried) - len(alive) + len(open_)), 4)
    findings = [f"the suite fails without a mutant: {test}" for test in survey.failing]
    findings += [f"{file}: an explanation of no survivor: {before} → {after}" for file, before, after in stale]
    if only:
        findings += [f"survives: {diff(mutant)}" for mutant in open_]
    elif score < LEAST:
        findings.append(f"{score:.1%} of the mutants are killed, fewer than {LEAST:.0%}")
    record = {
        "mutants": len(made),
        "tried": len(tried),
        **({"draw": draw} if sample is not None else {}),
        "killed": len(tried) - len(alive),
        "explained": len(alive) - len(open_),
        "score": score,
        "standard error": round(
            math.sqrt(score * (1 - score) / max(1, len(tried)) * (1 - ratio(len(tried), len(made)))), 4
        ),
        "verdicts": dict(collections.Counter(survey.verdicts[mutant].verdict for mutant in tried).most_common()),
        "operators": by(tried, open_, lambda mutant: mutant.operator.split("_")[0]),
        "packages": by(tried, open_, package),
        "files": by(tried, open_, lambda mutant: mutant.file),
        "left out": LEFT_OUT,
        "tests": len(survey.map["tests"]),
        "seconds of tests for a survivor": enough,
        "seconds": round(time.monotonic() - started),
        "judged before": survey.reused,
        "survivors": [described(mutant, survey.verdicts[mutant]) for mutant in open_],
    }
    what = f"{len(tried) - len(alive) + len(open_)} mutants"
    what = what if sample is None else f"{what}, a sample, ± {record['standard error']:.1%},"
    return Outcome(f"{score:.1%} of {what} killed", findings, record)


def drawn(mutant: Mutant, draw: int) -> str:
    """Return a mutant's place in a sample."""
    return hashlib.sha256(f"{draw} {identity(mutant)}".encode()).hexdigest()


def described(mutant: Mutant, verdict: Verdict) -> dict[str, Any]:
    """Return what the record says of a survivor."""
    shown = {name: getattr(mutant, name) for name in ("file", "line", "function", "before", "after")}
    return shown | ({"note": UNRUN} if verdict.verdict == UNRUN else {})


def key(mutant: Mutant) -> tuple[str, str, str]:
    return mutant.file, mutant.before, mutant.after


def package(mutant: Mutant) -> str:
    """Return the package or module right below the library's."""
    return Path(*Path(mutant.file).parts[1:3]).with_suffix("").as_posix().replace("/", ".")


def by(made: list[Mutant], alive: list[Mutant], group: Callable[[Mutant], str]) -> dict[str, dict[str, float]]:
    """Return the mutants, the unexplained survivors and the score, group by group."""
    all_of, alive_of = (collections.Counter(map(group, some)) for some in (made, alive))
    return {
        name: {"mutants": n, "survivors": alive_of[name], "score": round(ratio(n - alive_of[name], n), 4)}
        for name, n in sorted(all_of.items())
    }


def ratio(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def diff(mutant: Mutant) -> str:
    """Return a mutant as lines of a diff."""
    lines = [f"{mutant.file}:{mutant.line} {mutant.function} {mutant.operator}"]
    lines += [f"-    {line}" for line in mutant.before.split("\n")]
    return "\n".join(lines + [f"+    {line}" for line in mutant.after.split("\n")])


def main() -> int:
    """Run the gate from a command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="*", help="from the root; all of src if none is given")
    parser.add_argument("--sample", type=int, help="so many mutants, the same in every run")
    parser.add_argument("--draw", type=int, default=0, help="number of the sample: another one has other mutants")
    parser.add_argument("--enough", type=float, default=ENOUGH, help="seconds of tests a mutant that lives meets")
    parser.add_argument("--record", type=Path, help="where to write the record")
    options = parser.parse_args()
    outcome = check(options.files or None, options.sample, options.enough, options.draw)
    if options.record:
        options.record.write_text(json.dumps(outcome.record, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print("\n".join([*outcome.findings, outcome.figure]))
    return bool(outcome.findings)


if __name__ == "__main__":
    sys.exit(main())
