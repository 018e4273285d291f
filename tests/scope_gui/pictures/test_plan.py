"""Sizes, moments and files of an export, before anything is painted."""

from __future__ import annotations

from pathlib import Path

import pytest

from capture.errors import TargetProblem
from scope_gui.pictures import plan
from scope_gui.pictures.plan import Order, Pace, check_order, durations_ms, moments, names, size_from_text

SECOND_NS = 1_000_000_000


def order(output: Path, *, fps: float | None = None, count: int = 1, size: plan.Size = (1600, 900)) -> Order:
    return Order(view="timeline", size=size, output=output, times=tuple(range(count)), fps=fps)


@pytest.mark.parametrize(
    ("text", "size"), [("1600x900", (1600, 900)), ("800X500", (800, 500)), ("320×200", (320, 200))]
)
def test_a_size_is_width_and_height(text: str, size: plan.Size) -> None:
    assert size_from_text(text, "timeline") == size


@pytest.mark.parametrize("text", ["", "900", "1600x", "x900", "16 by 9", "-800x600", "1e3x900", "1600x900x3"])
def test_what_is_no_size_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="not a size"):
        size_from_text(text, "timeline")


@pytest.mark.parametrize(
    ("text", "view", "sentence"),
    [("319x900", "timeline", "too small"), ("819x900", "window", "too small"), ("7681x900", "timeline", "too large")],
)
def test_a_size_that_cannot_be_drawn_is_said(text: str, view: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        size_from_text(text, view)


def test_moments_are_equal_steps_of_session_time_from_the_first_to_the_last() -> None:
    assert moments((0, SECOND_NS), Pace(fps=4)) == (0, 250_000_000, 500_000_000, 750_000_000, SECOND_NS)
    assert moments((0, SECOND_NS), Pace(fps=4, speed=2)) == (0, 500_000_000, SECOND_NS)
    assert moments((7, 7), Pace(fps=4)) == (7,)


def test_a_number_of_pictures_is_spread_over_the_whole_stretch() -> None:
    assert moments((100, 1_100), Pace(pictures=3)) == (100, 600, 1_100)
    assert moments((100, 1_100), Pace(pictures=1)) == (100,)
    uneven = moments((0, 10), Pace(pictures=4))
    assert uneven == (0, 3, 6, 10)


def test_too_many_pictures_are_refused_with_what_to_do() -> None:
    with pytest.raises(TargetProblem, match=r"36.001 pictures.*--frames"):
        moments((0, 3600 * SECOND_NS), Pace(fps=10))


def test_a_gif_keeps_time_although_it_counts_hundredths() -> None:
    assert durations_ms(3, 30) == [30, 40, 30]
    assert sum(durations_ms(300, 24)) == 12_500
    assert min(durations_ms(50, plan.MAX_GIF_FPS)) == 20


def test_names_sort_as_pictures_follow_one_another() -> None:
    made = names(plan.MAX_PICTURES)
    assert made[0] == "00001.png"
    assert made == sorted(made)


def test_a_picture_is_a_png_in_a_folder_that_is_there(tmp_path: Path) -> None:
    check_order(order(tmp_path / "a.png"), force=False)
    (tmp_path / "a.png").write_text("old")
    check_order(order(tmp_path / "a.png"), force=False)
    for wrong in ("a.jpg", "a", "nowhere/a.png"):
        with pytest.raises(TargetProblem, match=wrong.rpartition("/")[2]):
            check_order(order(tmp_path / wrong), force=True)


def test_a_sequence_does_not_overwrite_without_being_told(tmp_path: Path) -> None:
    folder, film = tmp_path / "frames", tmp_path / "a.gif"
    for output in (folder, film):
        check_order(order(output, fps=10, count=3), force=False)
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    check_order(order(folder, fps=10, count=3), force=False)
    (folder / "00001.png").write_text("old")
    film.write_text("old")
    for output in (folder, film):
        with pytest.raises(TargetProblem, match="--force"):
            check_order(order(output, fps=10, count=3), force=False)
        check_order(order(output, fps=10, count=3), force=True)


def test_what_a_sequence_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for output, sentence in (("a.mp4", "folder or a .gif"), ("file", "is a file"), ("no/a.gif", "no folder")):
        with pytest.raises(TargetProblem, match=sentence):
            check_order(order(tmp_path / output, fps=10, count=3), force=True)
    with pytest.raises(TargetProblem, match="50 pictures a second"):
        check_order(order(tmp_path / "a.gif", fps=60, count=3), force=True)
    with pytest.raises(TargetProblem, match="at most 745 pictures"):
        check_order(order(tmp_path / "a.gif", fps=10, count=800), force=True)
