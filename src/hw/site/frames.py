"""The frames of figures with sliders, moved out of their pages: nothing of them loads before a slider is touched."""

import json
import os
import re
from pathlib import Path

__all__ = ["FOLDER", "carve"]

FOLDER = "assets/frames"
SCRIPT = re.compile(r'<script type="application/json" data-frames="([\w-]+)">(.*?)</script>', re.DOTALL)


def carve(site: Path) -> None:
    """Move the frames of every page of a built site into files, whose addresses the figures keep.

    Args:
        site: The folder; the files are `assets/frames/<name>.json`, lists of a drawing and its words for each position,
            in which the position of the last slider changes fastest.

    Raises:
        RuntimeError: If two figures have one name.
    """
    found: dict[str, str] = {}
    for path in sorted(site.rglob("*.html")):
        page = path.read_text("utf-8")
        figures = SCRIPT.findall(page)
        for name, data in figures:
            if name in found:
                raise RuntimeError(
                    f"{path.relative_to(site)}: frames must have a name of their own, got {name!r} again"
                )
            found[name] = data
            target = site / FOLDER / f"{name}.json"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(json.dumps(json.loads(data), ensure_ascii=False, separators=(",", ":")), "utf-8")
            address = Path(os.path.relpath(target, path.parent)).as_posix()
            page = page.replace(f'="frames" data-frames="{name}"', f'="frames" data-frames="{address}"')
        if figures:
            path.write_text(SCRIPT.sub("", page), "utf-8")
