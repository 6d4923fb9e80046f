"""Command line of the site: `python -m hw.site build [folder]` and `python -m hw.site serve [--port N]`."""

import argparse
import sys
from pathlib import Path

from hw.site.build import build
from hw.site.kept import keep
from hw.site.serving import serve


def main() -> int:
    """Run one of the two tasks, from the root of a checkout."""
    parser = argparse.ArgumentParser(prog="python -m hw.site", description="Build or serve the site of this checkout.")
    tasks = parser.add_subparsers(dest="task", required=True, metavar="{build,serve}")
    tasks.add_parser("build", help="build the site").add_argument("target", nargs="?", default="site", type=Path)
    tasks.add_parser("serve", help="serve it on 127.0.0.1").add_argument("--port", type=int, default=8000)
    tasks.add_parser("keep").add_argument("target", type=Path)  # for `serve`
    options = parser.parse_args()
    root = Path.cwd()
    try:
        if options.task == "build":
            build(root, root / options.target)
        elif options.task == "keep":
            keep(root, options.target)
        else:
            serve(root, options.port)
    except (RuntimeError, OSError) as error:
        print(f"hw.site: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
