"""A link opens the view that it was copied from; what is no link is a path, or one sentence."""

from __future__ import annotations

import json
import zlib
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
from msgspec.structs import replace

from capture.errors import WrongUsage
from scope_gui.links import followed, link_to
from tests.scope_command import scope
from tests.sessions import build_session
from tests.views.windows import opened
from views.loop.remembered import OF_SESSION
from views.loop.state import Assigns, Selection
from views.loop.view_states import to_keep
from views.timeline.state import TimelineState


def test_a_link_holds_the_whole_view() -> None:
    shown = replace(
        opened(), cursor_ns=321, visible_ns=(100, 900), selection=Selection("track", 3, 3), folded=frozenset({1}),
        views=(TimelineState(kept_open=frozenset({2})),),
    )  # fmt: skip
    assert shown.session is not None
    link = link_to(shown)
    path, place = followed(link)
    assert (path, place) == (shown.session.path, json.loads(json.dumps(to_keep(shown, OF_SESSION))))
    assert " " not in link.partition("#")[2]
    with pytest.raises(ValueError, match="no session"):
        link_to(Assigns())


def test_a_path_with_that_sign_is_a_path(tmp_path: Path) -> None:
    path = tmp_path / "a#b.scope"
    path.touch()
    assert followed(str(path)) == (str(path), {})
    assert followed("plain.scope") == ("plain.scope", {})


@pytest.mark.parametrize(
    "state",
    [
        "x",
        "!!",
        "",
        urlsafe_b64encode(b"abc").decode(),
        *(urlsafe_b64encode(zlib.compress(data)).decode() for data in (b"[1]", b"[" * 90_000, b"0" * (5 << 20))),
    ],
    ids=["one letter", "no base64", "nothing", "not packed", "a list", "deep", "long"],
)
def test_half_a_link_is_refused_in_one_sentence(state: str, tmp_path: Path) -> None:
    path = build_session(tmp_path / "a.scope", events=40).path
    with pytest.raises(WrongUsage, match="cannot be understood"):
        followed(f"{path}#{state}")


def test_the_command_line_refuses_it_before_a_window_appears(tmp_path: Path) -> None:
    told = scope("open", f"{tmp_path}/a.scope#zzz", expect=2).stderr
    assert told.startswith("scope-gui: The view in the link ")
    assert told.count("\n") == 1
