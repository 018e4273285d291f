"""The manifest of a session: what it lists, its checksummed envelope, and the limits that hold for every file.

A session is its manifest: nothing else says which files belong to it, and no file is opened that it does not list
(keyframes excepted, which are caches and carry their own checksum). `capture/FORMAT.md` describes all bytes.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import msgspec
import xxhash

from capture.changes import SettingsChange
from capture.errors import FormatError
from capture.losses import LossRow
from capture.measured_cost import Overhead
from capture.session.beyond import fields_beyond, with_fields
from capture.typed import from_json
from capture.unseen import UnseenRow

FORMAT_VERSION = (1, 1)
MANIFEST = "manifest.json"
MANIFEST_COPY = "manifest.bak"

MAX_MANIFEST_BYTES = 64 << 20
MAX_SEGMENTS = 1 << 18
MAX_FILE_BYTES = 512 << 20
MAX_TABLE_ROWS = 1 << 22
MAX_LINES = 1 << 20  # of time: tracks, of which each process is one
MAX_DECODED_BYTES = 1 << 30  # of one table of one segment
MAX_TEXT = 1 << 16  # characters of one text in the manifest
MOST_TEXTS = 4096  # in one of its lists

_BIG = 1 << 62
_PREFIX = re.compile(rb'\{"scope":"(\d{1,4})\.(\d{1,4})","xxh3_64":"([0-9a-f]{16})","manifest":')
_SUFFIX = b"}\n"

Count = Annotated[int, msgspec.Meta(ge=0, le=_BIG)]
Time = Annotated[int, msgspec.Meta(ge=-_BIG, le=_BIG)]
Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]
Texts = Annotated[list[Text], msgspec.Meta(max_length=MOST_TEXTS)]
Checksum = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{16}$")]
FileName = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(segments|defs)/[0-9]{8}\.[a-z_]{1,32}\.parquet$|^journal/[0-9]{8}\.resume$", max_length=64
    ),
]


class FileEntry(msgspec.Struct, frozen=True, gc=False):
    """One file that belongs to the session, never changed once listed."""

    name: FileName
    bytes: Annotated[int, msgspec.Meta(ge=0, le=MAX_FILE_BYTES)]
    rows: Annotated[int, msgspec.Meta(ge=0, le=MAX_TABLE_ROWS)]
    xxh3_64: Checksum

    @property
    def table(self) -> str:
        """The table it holds rows of."""
        return self.name.split(".")[1]


class SegmentEntry(msgspec.Struct, frozen=True, gc=False):
    """A stretch of time with all its rows. A segment ends where the next one starts.

    Units: ns on the session clock; events at an instant that two segments share belong to the one that lists them.
    """

    seq: Annotated[int, msgspec.Meta(ge=1, le=99_999_999)]
    level: Annotated[int, msgspec.Meta(ge=0, le=255)]
    first_event_id: Count
    events: Annotated[int, msgspec.Meta(ge=0, le=MAX_TABLE_ROWS)]
    start_ns: Time
    end_ns: Time
    files: Annotated[list[FileEntry], msgspec.Meta(max_length=64)]

    def file(self, table: str) -> FileEntry | None:
        """The file with the rows of that table, None when the segment has none."""
        return next((entry for entry in self.files if entry.table == table), None)

    @property
    def keyframe_name(self) -> str:
        """Where the keyframe of its first instant lies, if it has not been deleted."""
        return f"cache/{self.seq:08d}.key"

    @property
    def detail_name(self) -> str:
        """Where its level of detail lies, once somebody has worked it out."""
        return f"cache/{self.seq:08d}.lod"

    @property
    def calls_name(self) -> str:
        """Where the summary of its calls lies, once somebody has worked it out."""
        return f"cache/{self.seq:08d}.calls"

    @property
    def cache_names(self) -> tuple[str, ...]:
        """Where its caches lie, those that there are."""
        return self.keyframe_name, self.detail_name, self.calls_name


class Counts(msgspec.Struct, frozen=True):
    """Events of the whole session: produced == recorded + dropped, and what is `lost` on the way to here."""

    produced: Count = 0
    recorded: Count = 0
    dropped: Count = 0
    late: Count = 0

    @property
    def lost(self) -> int:
        """How many events the target has recorded that neither arrived nor were counted as dropped."""
        return max(0, self.produced - self.recorded - self.dropped)

    @property
    def balanced(self) -> bool:
        """Whether every event is accounted for."""
        return self.produced == self.recorded + self.dropped


def told_books(counts: Counts) -> str:
    """Where the events of a session are that does not have them all.

    >>> told_books(Counts(produced=10, recorded=7, dropped=1))
    '10 events were produced, but 7 recorded and 1 dropped: 2 were lost on the way.'
    """
    books = f"{counts.produced} events were produced, but {counts.recorded} recorded and {counts.dropped} dropped"
    missing = f": {counts.lost} {'was' if counts.lost == 1 else 'were'} lost on the way" if counts.lost else ""
    return f"{books}{missing}."


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What was recorded, when and how; fixed when the recording begins.

    `capabilities` names what the recording can see; a view explains an empty answer with what is missing there.
    `flags` are the capture flags that have no key of their own here (capture/flags.py), by name.
    """

    session_id: Text
    created_real_ns: Time
    start_mono_ns: Time = 0
    target: Text = ""
    command: Texts = []
    python: Text = ""
    mode: Text = "full"
    include: Texts = []
    exclude: Texts = []
    state: Texts = []
    redact: Texts = []
    when_full: Text = "drop"
    flags: Annotated[dict[Text, Text | Count | Texts], msgspec.Meta(max_length=MOST_TEXTS)] = {}
    capabilities: Texts = []
    writer: Text = ""


class JournalMark(msgspec.Struct, frozen=True):
    """Everything in the journal before this place is in segments."""

    file_no: Count = 1
    offset: Count = 0


class ManifestHead(msgspec.Struct, frozen=True, kw_only=True):
    """The manifest without its segments."""

    format: Text
    generation: Count
    state: Literal["recording", "complete", "recovered"]
    about: About
    counts: Counts = Counts()
    overhead: Overhead | None = None
    unseen: Annotated[list[UnseenRow], msgspec.Meta(max_length=4096)] = []
    losses: Annotated[list[LossRow], msgspec.Meta(max_length=4096)] = []
    changes: Annotated[list[SettingsChange], msgspec.Meta(max_length=4096)] = []
    kinds: Annotated[dict[Text, Count], msgspec.Meta(max_length=MOST_TEXTS)] = {}
    start_ns: Time = 0
    end_ns: Time = 0
    next_seq: Count = 1
    journal: JournalMark = JournalMark()
    resume: FileEntry | None = None
    defs: Annotated[list[FileEntry], msgspec.Meta(max_length=4096)] = []


class Manifest(ManifestHead, frozen=True, kw_only=True):
    """Everything a reader must know before it opens any other file."""

    segments: Annotated[list[SegmentEntry], msgspec.Meta(max_length=MAX_SEGMENTS)] = []


class Problem(msgspec.Struct, frozen=True):
    """Something about a session that its reader has to know; `lost` says that recorded rows are missing for it."""

    what: str
    lost: bool = True
    file: str | None = None
    start_ns: int | None = None
    end_ns: int | None = None


def clipped(text: str) -> str:
    """`text` as the manifest may hold it; what is cut ends in a mark.

    >>> clipped("x" * MAX_TEXT) == "x" * MAX_TEXT, len(clipped("x" * MAX_TEXT + "x")), clipped("x" * 70_000)[-1]
    (True, 65536, '…')
    """
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"


def version_text(version: tuple[int, int] = FORMAT_VERSION) -> str:
    """For example '1.1'."""
    return f"{version[0]}.{version[1]}"


def checksum(data: bytes | memoryview) -> str:
    """xxh3_64 as 16 hex digits."""
    return xxhash.xxh3_64_hexdigest(data)


def encode_manifest(head: ManifestHead, encoded_segments: list[bytes], more: Any = None) -> bytes:
    """The bytes of manifest.json. Segments come encoded because a live manifest is written five times a second.

    `more`: what a manifest of a newer minor version said beyond this one (`capture.session.beyond`).
    """
    said = head if more is None else with_fields(msgspec.to_builtins(head), more)
    body = b"".join(
        (msgspec.json.encode(said)[:-1], b',"segments":[', b",".join(encoded_segments), b"]}"),
    )
    return b'{"scope":"%s","xxh3_64":"%s","manifest":%s%s' % (
        head.format.encode(),
        _body_sum(head.format.encode(), body).encode(),
        body,
        _SUFFIX,
    )


def decode_manifest(data: bytes) -> tuple[Manifest, list[Problem]]:
    """The manifest and what a reader must know about it (a newer minor version is read with a warning).

    Raises: FormatError when the bytes are damaged, of a newer major version, or contradict themselves.
    """
    found = _PREFIX.match(data)
    if found is None or not data.endswith(_SUFFIX):
        raise FormatError("The manifest is damaged: its envelope is not whole.")
    body = data[found.end() : -len(_SUFFIX)]
    version = (int(found[1]), int(found[2]))
    if _body_sum(b"%s.%s" % (found[1], found[2]), body) != found[3].decode():
        raise FormatError("The manifest is damaged: its checksum does not match.")
    if version[0] > FORMAT_VERSION[0]:
        raise FormatError(
            f"The session has format {version_text(version)}; this Scope reads up to {FORMAT_VERSION[0]}.x.",
            "Open it with a newer Scope.",
        )
    if version[0] < FORMAT_VERSION[0]:
        raise FormatError(f"The session has format {version_text(version)}, which was never released.")
    try:
        manifest = from_json(body, Manifest)
    except msgspec.DecodeError as error:
        raise FormatError(f"The manifest does not have the form of format {version_text(version)}: {error}.") from error
    _check(manifest)
    if version[1] <= FORMAT_VERSION[1]:
        return manifest, []
    text = f"The session has the newer format {version_text(version)}: what it adds to {version_text()} is not shown."
    return manifest, [Problem(text, lost=False)]


def is_newer(manifest: ManifestHead) -> bool:
    """Whether a Scope of a later minor version wrote it, which may have added what this one does not know."""
    major, _, minor = manifest.format.partition(".")
    return (major, minor.isdecimal()) == (str(FORMAT_VERSION[0]), True) and int(minor) > FORMAT_VERSION[1]


def manifest_beyond(data: bytes, manifest: Manifest) -> Any:
    """What the bytes of this manifest say that it does not hold; None when that is nothing."""
    found = _PREFIX.match(data)
    assert found is not None
    try:
        said = from_json(data[found.end() : -len(_SUFFIX)], dict[str, Any])
    except msgspec.DecodeError:
        return None  # what we know of it was read, and of the rest nobody can tell what it says
    return fields_beyond(said, msgspec.to_builtins(manifest))


def _body_sum(version: bytes, body: bytes) -> str:
    digest = xxhash.xxh3_64(version)
    digest.update(body)
    return digest.hexdigest()


def _check(manifest: Manifest) -> None:
    """Raises: FormatError unless segments are contiguous in time and in events and every file is listed once."""
    names: set[str] = set()
    filled = [segment for segment in manifest.segments if segment.files]
    for entry in (*manifest.defs, *(entry for segment in filled for entry in segment.files)):
        if entry.name in names:
            raise FormatError(f"The manifest lists the file {entry.name} twice.")
        names.add(entry.name)
    time_ns, event_id = manifest.start_ns, None
    for segment in manifest.segments:
        if segment.start_ns != time_ns or segment.end_ns < time_ns:
            raise FormatError(f"The manifest's segment {segment.seq} does not start where the one before it ends.")
        if event_id is not None and segment.first_event_id != event_id:
            raise FormatError(f"The manifest's segment {segment.seq} does not continue the events before it.")
        time_ns, event_id = segment.end_ns, segment.first_event_id + segment.events
    for segment in filled:
        if any(entry.name[:17] != f"segments/{segment.seq:08d}" for entry in segment.files):
            raise FormatError(f"The manifest's segment {segment.seq} lists a file of another one.")
    if manifest.segments and time_ns != manifest.end_ns:
        raise FormatError("The manifest's end is not the end of its last segment.")
