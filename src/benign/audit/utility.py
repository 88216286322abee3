"""General ability by the field's own tool: lm-evaluation-harness on the live model with a result's change applied.

Nothing is merged and no second copy is made: the harness is given the very module, with the result's deltas on it for
the time of the call. Source: EleutherAI's lm-evaluation-harness (``lm-eval``), its tasks and its metrics as they are.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, redirect_stderr
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benign.audit.metrics.bootstrap import interval
from benign.audit.run import Candidate, candidates
from benign.audit.score import ORIGINAL, RETRAINED, Score
from benign.data.atomic import write_text
from benign.engine.place import claimed
from benign.engine.result import Result
from benign.engine.serve import Served, stacked
from benign.engine.train import Report
from benign.errors import UserError
from benign.models.load import Model, load

Scores = Mapping[str, Score]
"""By ``task/metric``."""


@dataclass(frozen=True)
class Harness:
    """How lm-evaluation-harness asks."""

    tasks: tuple[str, ...]
    """Names of its tasks, or paths of task files (YAML)."""
    chat: bool = True
    """Put each question into the model's chat template, where it has one. Published numbers of base models are
    without."""
    shots: int | None = None
    """Worked examples before each question; None leaves it to the task."""
    limit: int | None = None
    """At most so many questions per task; None asks all."""
    batch: int = 16
    """Requests per forward pass."""


def utility(
    model: Model | str | Path,
    results: Sequence[Result | str | Path | Candidate],
    harness: Harness,
    *,
    out: str | Path,
    retrained: Model | str | Path | None = None,
    progress: Report | None = None,
) -> dict[str, Scores]:
    """The scores of the original, the retrained model and every result, by name, on the same tasks.

    A finished system's scores are a file in ``out`` and are not measured again.

    Args:
        model: The original model.
        results: Finished runs (or their folders), or candidates of one's own.
        harness: Which tasks, and how they are asked.
        out: Where ``utility.json`` goes.
        retrained: A model that never saw the forget set.
        progress: Called as (what, done, total) as systems are done; without it the harness shows no bars either.

    Raises:
        UserError: ``lm-eval`` is not installed, there is no such task, or its data cannot be had.
    """
    tasks = _Tasks(harness)
    original = load(model) if isinstance(model, (str, Path)) else model
    systems = [Candidate(ORIGINAL, Served(original))]
    if retrained is not None:
        systems.append(
            Candidate(RETRAINED, Served(load(retrained) if isinstance(retrained, (str, Path)) else retrained))
        )
    for given in results:
        systems.append(given if isinstance(given, Candidate) else candidates(original, [given])[0])
    found: dict[str, Scores] = {}
    with claimed(Path(out)) as folder:
        for done, system in enumerate(systems):
            if progress:
                progress("utility", done, len(systems))
            name = system.name if system.name not in found else f"{system.name} #{system.seed}"
            found[name] = _known(folder, system.system, tasks, shown=progress is not None)
        if progress:
            progress("utility", len(systems), len(systems))
        write_text(folder / "utility.json", json.dumps(as_json(found), indent=2) + "\n")
    return found


def as_json(found: Mapping[str, Scores]) -> dict[str, Any]:
    """The scores as JSON types."""
    return {
        name: {key: {"value": s.value, "low": s.low, "high": s.high, "n": s.n} for key, s in scores.items()}
        for name, scores in found.items()
    }


def _known(folder: Path, served: Served, tasks: _Tasks, *, shown: bool) -> Scores:
    if served.guard:
        raise UserError(
            "the harness asks the weights alone, and a filter would take no part", where=served.guard.name,
            fix="leave this result out: without its filter it is the original model",
        )  # fmt: skip
    key = hashlib.sha256(json.dumps([served.digest, tasks.identity]).encode()).hexdigest()[:32]
    place = folder / "utility" / f"{key}.json"
    known = _saved(place)
    if known is not None:
        return known
    with _quiet(shown=shown):
        scores = tasks.run(served)
    write_text(place, json.dumps(as_json({"": scores})[""], indent=2) + "\n")
    return scores


def _saved(place: Path) -> Scores | None:
    """The scores in a file; None where it is missing or damaged."""
    try:
        saved = json.loads(place.read_text(encoding="utf-8"))
        return {name: Score(**score) for name, score in saved.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return None


class _Tasks:
    """The harness, with the tasks that were chosen; made once, because it reads thousands of task files."""

    def __init__(self, harness: Harness) -> None:
        if not harness.tasks:
            raise UserError("no task", where="tasks", fix="for example arc_easy,hellaswag, or a task file")
        try:
            import lm_eval
            from lm_eval.tasks import TaskManager
        except ImportError:
            raise UserError(
                "general ability is measured by lm-evaluation-harness, which is not installed",
                fix="pip install 'benign[lm-eval]'",
            ) from None
        files = [name for name in harness.tasks if name.endswith((".yaml", ".yml"))]
        absent = [name for name in files if not Path(name).is_file()]
        if absent:
            raise UserError("no such task file", where=absent[0])
        self.harness = harness
        only_files = len(files) == len(harness.tasks)
        self.manager = TaskManager(include_defaults=not only_files)
        unknown = [name for name in harness.tasks if name not in files and name not in self.manager.all_tasks]
        if unknown:
            raise UserError(f"lm-eval has no task {unknown[0]!r}", where="tasks", fix="see `lm-eval ls tasks`")
        contents = {name: Path(name).read_text(encoding="utf-8") for name in files}
        self.identity = json.dumps([lm_eval.__version__, asdict(harness), contents], sort_keys=True)

    def run(self, served: Served) -> Scores:
        """The scores of one system, which is afterwards as it was."""
        from lm_eval.evaluator import simple_evaluate
        from lm_eval.models.huggingface import HFLM

        model, chosen = served.model, self.harness
        tokenizer = deepcopy(model.processor.tokenizer)
        with _deployed(served):
            lm = HFLM(pretrained=model.module, tokenizer=tokenizer, backend="causal", batch_size=chosen.batch)
            try:
                found = simple_evaluate(
                    lm,
                    tasks=list(chosen.tasks),
                    task_manager=self.manager,
                    num_fewshot=chosen.shots,
                    limit=chosen.limit,
                    apply_chat_template=chosen.chat and tokenizer.chat_template is not None,
                    bootstrap_iters=0,
                    # Seeds for state that is everybody's; nothing here draws from it.
                    random_seed=None,
                    numpy_random_seed=None,
                    torch_random_seed=None,
                )
            except (OSError, ConnectionError) as error:
                first = str(error).splitlines()[0] if str(error) else type(error).__name__
                raise UserError(f"the tasks' data cannot be had: {first}", where=",".join(chosen.tasks)) from None
        return _scores(found or {})


def _scores(found: Mapping[str, Any]) -> dict[str, Score]:
    """Every number of every task, with an interval where it is the mean over questions."""
    scores: dict[str, Score] = {}
    for task, numbers in found.get("results", {}).items():
        samples = found.get("samples", {}).get(task, [])
        for key, value in numbers.items():
            metric, _, kept = key.partition(",")
            if not kept or metric.endswith("_stderr") or not isinstance(value, int | float):
                continue
            name = f"{task}/{metric}" if kept == "none" else f"{task}/{metric} ({kept})"
            scores[name] = _score(float(value), metric, [s for s in samples if s.get("filter", "none") == kept])
    return scores


def _score(value: float, metric: str, samples: Sequence[Mapping[str, Any]]) -> Score:
    each = [sample.get(metric) for sample in samples]
    values = [float(one) for one in each if isinstance(one, int | float)]
    if values and len(values) == len(each) and math.isclose(math.fsum(values) / len(values), value, abs_tol=1e-9):
        score = interval(values, [f"record {i}" for i in range(len(values))])
        if isinstance(score, Score):
            return score
    return Score(value, value, value, 0)


@contextmanager
def _deployed(served: Served) -> Iterator[None]:
    """The deltas on the model, and the model as it was afterwards, in training or not."""
    module = served.model.module
    training = module.training
    with ExitStack() as stack:
        stack.callback(module.train, training)
        stack.enter_context(stacked(served.model, served.deltas))
        yield


@contextmanager
def _quiet(*, shown: bool) -> Iterator[None]:
    """No warnings of the harness' (it has one of a model that is already in memory), and bars only where shown."""
    logger = logging.getLogger("lm_eval")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with nullcontext() if shown else redirect_stderr(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)
