"""Record an experiment: `python -m hw.experiments flows` makes the runs of `flows` again and rewrites its record."""

import json
import sys
from pathlib import Path

from hw.experiments import flows, gan, simclr

EXPERIMENTS = {"flows": flows, "gan": gan, "simclr": simclr}


def main(arguments: list[str]) -> int:
    """Run the experiment that is named, and write its record; 2 for a name that is none."""
    if len(arguments) != 1 or arguments[0] not in EXPERIMENTS:
        print(f"usage: python -m hw.experiments {{{','.join(EXPERIMENTS)}}}", file=sys.stderr)
        return 2
    module = EXPERIMENTS[arguments[0]]
    text = json.dumps(module.record(), separators=(",", ":"))  # before the old record is touched
    Path(module.__file__).with_suffix(".json").write_text(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
