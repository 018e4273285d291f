"""Writes the gallery: `python -m tests.gallery [-o FOLDER] [--only PART...]`.

Exit status: 0; 1 when Qt said anything while the pictures were taken, or one could not be taken.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import msgspec
from PIL import Image

from tests.gallery.catalogue import README, SESSIONS, Order, Picture, every_picture
from tests.gallery.display import display_of_its_own
from tests.gallery.page import contact_sheet
from tests.gallery.sessions import Sessions
from tests.interpreters import ROOT

LIMIT_S, PICTURE_S = 200, 5
"""How long one process may take: for its session, and for each of its pictures on a busy machine."""
PICTURES = ROOT / "tests" / "gallery" / "pictures"


def main(words: Sequence[str] | None = None) -> int:
    """Takes the pictures that were asked for, all of them by default."""
    parser = argparse.ArgumentParser(prog="python -m tests.gallery", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("-o", dest="folder", type=Path, default=Path("out", "gallery"), help="where to write")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="PART", help="only pictures with all of these in their name"
    )
    parser.add_argument("--readme", action="store_true", help="make the README's pictures anew, and no others")
    arguments = parser.parse_args(words)
    wanted = [picture for picture in every_picture() if all(part in picture.name for part in arguments.only)]
    if arguments.readme:
        wanted = [picture for picture in wanted if picture.name in README.values()]
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="scope-gallery-") as folder, display_of_its_own() as has_gl:
        os.environ |= dict.fromkeys(("XDG_CONFIG_HOME", "XDG_STATE_HOME"), folder)
        said = take_all(wanted, arguments.folder, Path(folder), has_gl=has_gl)
    if arguments.readme and not said:
        keep_small(arguments.folder)
    page = arguments.folder / "index.html"
    page.write_text(contact_sheet(wanted, "Scope"))
    print(f"{len(wanted)} pictures in {time.monotonic() - began_s:.0f} s: {page}")
    for text in said:
        print(text, file=sys.stderr)
    return 1 if said else 0


def keep_small(folder: Path) -> None:
    """Puts the README's pictures into its folder in 256 colours: a third of the bytes, no difference to be seen."""
    for name, picture in README.items():
        with Image.open(folder / f"{picture}.png") as image:
            few = image.convert("RGB").quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        few.save(PICTURES / f"{name}.png", optimize=True)


def take_all(wanted: Sequence[Picture], target: Path, folder: Path, *, has_gl: bool) -> list[str]:
    """Takes them into the target folder; gives what Qt had to say meanwhile.

    Each session is shown by a process of its own, as by a person: a window that is closed ends its process. A scale is
    one for a whole process.
    """
    target.mkdir(parents=True, exist_ok=True)
    sessions, said = Sessions(folder), []
    makers = {row.name: row.make for row in SESSIONS}
    for (session, scale), pictures in groupby(wanted, key=lambda picture: (picture.session, picture.screen.scale)):
        with sessions.ready(session, makers[session]) as path:
            order = Order(path=path, target=str(target), has_gl=has_gl, pictures=tuple(pictures))
            done = subprocess.run(
                [sys.executable, "-m", "tests.gallery.camera"],
                input=msgspec.json.encode(order),
                env={**os.environ, "QT_SCALE_FACTOR": str(scale)},
                stderr=subprocess.PIPE,
                check=False,
                timeout=LIMIT_S + PICTURE_S * len(order.pictures),
            )
        said += [f"{session}: {line}" for line in done.stderr.decode().splitlines()]
        if done.returncode:
            said.append(f"{session}: the window ended with {done.returncode}")
    return said


if __name__ == "__main__":
    sys.exit(main())
