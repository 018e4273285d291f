"""What can be dropped on the window."""

from __future__ import annotations

from PySide6.QtCore import QMimeData, QUrl

from scope_gui.window.dropping import local_files, openable_path


def test_one_session_is_taken_packed_as_a_folder_or_by_its_manifest() -> None:
    for dropped in ("/tmp/a.scope", "/tmp/a.scope/", "/tmp/a.scope/manifest.json"):
        assert openable_path([dropped]) == "/tmp/a.scope"
    assert openable_path(["/tmp/notes.txt", "/tmp/a.scope"]) == "/tmp/a.scope"


def test_no_session_or_several_are_not_taken() -> None:
    for dropped in ([], ["/tmp/notes.txt"], ["/tmp/a.scope", "/tmp/b.scope"], ["/tmp/manifest.json"]):
        assert openable_path(dropped) is None


def test_another_tools_recording_is_taken_where_there_is_no_session() -> None:
    for dropped in ("/tmp/result.json", "/tmp/trace.json.gz"):
        assert openable_path([dropped]) == dropped
    assert openable_path(["/tmp/result.json", "/tmp/a.scope"]) == "/tmp/a.scope"
    assert openable_path(["/tmp/one.json", "/tmp/two.json"]) is None


def test_what_is_not_a_file_of_this_machine_is_ignored() -> None:
    data = QMimeData()
    data.setUrls([QUrl("https://localhost/a.scope"), QUrl.fromLocalFile("/tmp/b.scope")])
    assert local_files(data) == ["/tmp/b.scope"]
