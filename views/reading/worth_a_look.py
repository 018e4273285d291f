"""What looks wrong in the open session: every detector that is not switched off is asked once
it is not recorded any more. No Qt."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from capture.errors import ScopeError
from dags.detectors import registry
from dags.detectors.finding import Finding
from views.loop import events as e
from views.loop.chosen import analyses_off
from views.loop.state import Assigns, Notice, Selection
from views.reading import steps
from views.reading.questions import Asked, Stopped

_log = logging.getLogger(__name__)


def wanted(assigns: Assigns) -> object:
    """The session to look through, once for what is looked for."""
    if assigns.session is None or not assigns.looks_for_findings:
        return None
    return assigns.session.key, analyses_off(assigns.settings)


def look(asked: Asked) -> Iterator[e.Event]:
    """All findings, the worst first; when it is stopped, those until then. A detector that fails, as one may in a
    damaged session, finds nothing and takes nothing from the others; a bug of ours is raised once the rest is told.
    """
    session, found = asked.source.session, list[Finding]()
    failure: Exception | None = None
    off = analyses_off(asked.assigns.settings)
    for row in [] if session is None else registry.able(session):
        if row.name in off:
            continue
        assert session is not None
        try:
            found += registry.findings(session, (session.start_ns, session.end_ns), [row], asked.reads_on)
        except Stopped:
            break
        except (ScopeError, OSError) as problem:
            _log.warning("looking for %s failed: %s", row.name, problem)
        except Exception as error:
            failure = error
    yield e.FindingsKnown(key=asked.key, findings=tuple(sorted(found, key=lambda one: -one.score)))
    if failure is not None:
        raise failure


def go(asked: Asked) -> Iterator[e.Event]:
    """The event that proves the finding; where figures do and no event, the finding is said."""
    shown = asked.assigns
    found = shown.findings or ()
    if shown.finding_at is None or not 0 <= shown.finding_at < len(found):
        return
    finding = found[shown.finding_at]
    if not finding.event_ids:
        yield e.Tell(notice=Notice(finding.sentence))
        return
    number = shown.occurrence % len(finding.event_ids)
    where = steps.event_place(asked.source, finding.event_ids[number])
    if where is None:
        yield e.Tell(notice=Notice("What proves it cannot be read any more."))
        return
    yield e.SeekTo(time_ns=where[0], visit=True)
    yield e.Select(selection=Selection("event", finding.event_ids[number], where[1]))
    of = f" ({number + 1} of {len(finding.event_ids)})" if len(finding.event_ids) > 1 else ""
    yield e.Tell(notice=Notice(f"{finding.sentence}{of}"))
