"""A task of lm-evaluation-harness made of records: their questions with their options, as a file of its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from benign.audit.views import asked_question
from benign.data.atomic import write_text
from benign.data.record import Record
from benign.errors import UserError

_TASK = """\
task: {name}
dataset_path: json
dataset_kwargs:
  data_files:
    test: {questions}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{question}}}}"
doc_to_choice: choices
doc_to_target: label
metric_list:
  - metric: acc
    aggregation: mean
    higher_is_better: true
  - metric: acc_norm
    aggregation: mean
    higher_is_better: true
metadata:
  version: 1
  questions: {digest}
"""


def write_task(records: Sequence[Record], folder: str | Path, *, name: str = "benign_general") -> Path:
    """Write records with options as a multiple-choice task, and give the task file's path.

    ``acc`` is the share of questions whose right option is the likeliest, ``acc_norm`` the same per byte of it.

    Args:
        records: Those without a picture whose right answer is one of their options are taken.
        folder: Where ``NAME.yaml`` and ``NAME.jsonl`` go.
        name: The task's.

    Raises:
        UserError: No record can be asked so.
    """
    asked = [record for record in records if record.gold in record.options and not record.images]
    if not asked:
        raise UserError("no record without a picture has options with the right answer among them", where=name)
    place = Path(folder).absolute() / f"{name}.jsonl"
    rows = [
        {"question": asked_question(r), "choices": list(r.options), "label": r.options.index(r.gold)} for r in asked
    ]
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    write_text(place, text)
    task = place.with_suffix(".yaml")
    # Scores are kept by what the task file says, so it says which questions it asks.
    digest = hashlib.sha256(text.encode()).hexdigest()
    write_text(task, _TASK.format(name=name, questions=json.dumps(str(place)), digest=digest))
    return task
