"""From an audit to its report: what the page shows is picked here, what it says of it is decided in ``verdict``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

from benign.audit.observation import Observation
from benign.audit.probes.saved import FILE, Saved, about, load_probes
from benign.audit.run import Audit
from benign.audit.score import ORIGINAL, RETRAINED
from benign.data.record import Record
from benign.errors import NotMeasured, UserError
from benign.report.html import write
from benign.report.inside import layer_curves
from benign.report.page import Example, LayerMask, Page
from benign.report.portraits import portraits
from benign.report.trials import trials

_SHOWN = {
    "forget": (2, ("memory", "memory", "understanding", "understanding")),
    "retain": (1, ("memory", "understanding")),
}
"""Per split: how many subjects, and the kinds of questions about each one's picture."""
_LAYER = re.compile(r"\.layers\.(\d+)\.(.+)$")


def build_report(audit: Audit, path: str | Path, *, reproduce: Sequence[str] = ()) -> Path:
    """Write the report of an audit as one HTML file, and return where it is.

    Args:
        audit: What was found.
        path: The file to write.
        reproduce: Commands that lead to this page again.
    """
    board = audit.scoreboard
    probes = _probes(audit)
    page = Page(
        title=f"What {board.model} forgot",
        scoreboard=board,
        examples=tuple(_examples(audit)),
        masks=_masks(audit),
        reproduce=tuple(reproduce),
        facts=_facts(audit),
        trials=trials(audit.attacked),
        probes=probes,
        portraits=portraits(audit),
        layers=layer_curves(audit.inside),
        artefacts=(*_artefacts(audit), *(["the folder of the probes"] if isinstance(probes, Saved) else [])),
    )
    return write(page, path)


def _artefacts(audit: Audit) -> tuple[str, ...]:
    """What still holds something of the forget set."""
    guards = [c.result.guard for c in audit.candidates if c.result and c.result.guard]
    filters = [f"{guard.parent.name}/{guard.name} (the filter, made of what it is to stop)" for guard in guards]
    return (f"{audit.folder.name}/observations (the answers, which quote the records)", *filters)


def _facts(audit: Audit) -> dict[str, str]:
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "peft"))
    return {
        "model": audit.scoreboard.model,
        "benchmark": audit.scoreboard.benchmark or "your own records",
        "records": ", ".join(_counted(split, *counts) for split, counts in audit.asked.items()),
        "judge": audit.scoreboard.rows[0].judge,
        "libraries": versions,
    }


def _counted(split: str, asked: int, there: int) -> str:
    return f"{there} {split}" if asked == there else f"{asked} of {there} {split} (the others were not asked)"


def _probes(audit: Audit) -> Saved | NotMeasured | None:
    """What ``benign probe`` found for an audit: in its folder's ``probes/``, or in the one beside it.

    None where nobody probed; a reason where the probes are of another model or forget set, or damaged.
    """
    found: Saved | NotMeasured | None = None
    for place in (audit.folder / "probes", audit.folder.parent / "probes"):
        if not (place / FILE).is_file():
            continue
        found = _own_probes(audit, place / FILE)
        if isinstance(found, Saved):
            break
    return found


def _own_probes(audit: Audit, path: Path) -> Saved | NotMeasured:
    original = next((c.system for c in audit.candidates if c.name == ORIGINAL), None)
    try:
        saved = load_probes(path)
    except UserError as error:
        return NotMeasured(f"{path.parent.name}/{path.name} is {error.what} ({error.fix})")
    if original is None or saved.about != about(original, audit.data):
        return NotMeasured(f"{path.parent.name}/{path.name} is about another model or another forget set")
    return saved


def _examples(audit: Audit) -> Iterable[Example]:
    for split, (subjects, kinds) in _SHOWN.items():
        records = [r for r in audit.data.split(split) if r.images and r.question]
        seen = {o.record for o in audit.observations[ORIGINAL] if o.split == split}
        for subject in list(dict.fromkeys(r.subject for r in records if r.id in seen))[:subjects]:
            of_subject = [r for r in records if r.subject == subject and r.id in seen]
            for record in _one_picture(of_subject, kinds):
                yield _example(audit, split, record)


def _one_picture(records: Sequence[Record], kinds: Sequence[str]) -> list[Record]:
    """Questions of the given kinds about the picture that is asked most about."""
    digests = [r.images[0].digest for r in records]
    if not digests:
        return []
    picture = max(dict.fromkeys(digests), key=digests.count)
    chosen: list[Record] = []
    for kind in kinds:
        fits = [r for r in records if r.images[0].digest == picture and r.kind == kind and r not in chosen]
        chosen += fits[:1]
    return chosen


def _example(audit: Audit, split: str, record: Record) -> Example:
    said = {
        name: found.text
        for name, observations in audit.observations.items()
        if (found := _observed(observations, split, record.id))
    }
    return Example(
        split=split,
        kind=record.kind,
        question=record.question,
        gold=record.gold,
        original=said.pop(ORIGINAL, ""),
        retrained=said.pop(RETRAINED, None),
        answers=said,
        picture=record.images[0].encoded(),
    )


def _observed(observations: Iterable[Observation], split: str, record: str) -> Observation | None:
    wanted = (split, record, "as_is")
    return next((o for o in observations if o.key == wanted), None)


def _masks(audit: Audit) -> tuple[LayerMask, ...]:
    """What the first sculpted result's mask did, per module."""
    for candidate in audit.candidates:
        for facts in candidate.result.facts.values() if candidate.result else ():
            if any("masked" in numbers for numbers in facts.values()):
                return tuple(_mask(name, numbers["masked"], numbers.get("rho")) for name, numbers in facts.items())
    return ()


def _mask(name: str, masked: float, rho: float | None) -> LayerMask:
    module = name.removesuffix(".weight")
    found = _LAYER.search(module)
    layer, projection = (int(found[1]), found[2]) if found else (0, module.rpartition(".")[2])
    return LayerMask(module, layer, projection.rpartition(".")[2], masked, rho)
