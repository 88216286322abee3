"""A page as a real audit gives one: eight methods, invented people, drawn pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from io import BytesIO

from PIL import Image, ImageDraw

from benign.audit.columns import COLUMNS
from benign.audit.score import Row, Score, Scoreboard
from benign.errors import NotMeasured
from benign.report.page import Example, Exhibit, LayerMask, Page, Trial

# memory, reworded, by name, relearned, seeing forgotten, kept memory, general, refusals kept, meaningful
_NUMBERS = {
    "original": (0.99, 0.97, 0.98, 0.99, 0.98, 0.99, 0.99, 0.0, 9.9),
    "retrained": (0.04, 0.04, 0.05, 0.10, 0.93, 0.99, 0.99, 0.0, 9.9),
    "grad_ascent": (0.0, 0.0, 0.0, 0.06, 0.0, 0.01, 0.02, 0.0, 1.1),
    "grad_diff": (0.0, 0.01, 0.02, 0.31, 0.08, 0.38, 0.55, 0.0, 3.4),
    "kl_min": (0.0, 0.01, 0.0, 0.22, 0.03, 0.19, 0.41, 0.0, 2.8),
    "npo": (0.21, 0.29, 0.33, 0.64, 0.61, 0.83, 0.93, 0.0, 9.0),
    "idk": (0.0, 0.03, 0.11, 0.74, 0.15, 0.71, 0.99, 0.19, 9.7),
    "smfa": (0.03, 0.06, 0.10, 0.72, 0.45, 0.88, 0.98, 0.08, 9.8),
    "smfa_code": (0.06, 0.12, 0.04, 0.73, 0.52, 0.9, 0.98, 0.06, 9.8),
    "smfa_self_answers": (0.0, 0.04, 0.03, 0.70, 0.97, 0.96, 0.99, 0.02, 9.9),
}
_COLUMNS = (
    "memory_rouge", "memory_paraphrased", "memory_text", "relearned_memory",
    "understanding_forget", "retained_memory", "general", "refusal_retain", "meaningful",
)  # fmt: skip
DESTROYED = ("grad_ascent", "grad_diff", "kl_min")


def score(value: float, half: float = 0.02, top: float = 1.0) -> Score:
    return Score(value, max(0.0, value - half), min(top, value + half), 80)


def row(method: str, **metrics: float | Score | NotMeasured) -> Row:
    guarantee = {"original": "none", "retrained": "exact"}.get(method, "weights")
    made = {name: score(given) if isinstance(given, float) else given for name, given in metrics.items()}
    return Row(method, made, 61.4, 1840.0, 0, guarantee=guarantee, judge="rules-1")


def method_row(method: str) -> Row:
    """All columns of a method: the nine of the compact table as given above, the others made up from them."""
    main = dict(zip(_COLUMNS, _NUMBERS[method], strict=True))
    metrics: dict[str, Score | NotMeasured] = {}
    for column in COLUMNS:
        source = main["memory_rouge"] if column.section == "forget" else main["general"]
        ten = column.bounds[1] == 10.0
        value = main.get(column.name, source * (9 if ten else 0.97))
        metrics[column.name] = score(value, 0.2 if ten else 0.03, 10.0 if ten else 1.0)
    metrics["neighbour_memory"] = NotMeasured("no neighbour records given")
    if method == "kl_min":
        metrics["relearned_memory"] = NotMeasured("the attack ended in a loss that is no number")
    return replace(row(method), metrics=metrics, notes=("destroyed",) if method in DESTROYED else ())


def scoreboard(*methods: str, gap: Score | NotMeasured | None = None) -> Scoreboard:
    rows = tuple(method_row(method) for method in methods or tuple(_NUMBERS))
    return Scoreboard("embedded:vlm", "S-MLLMUn, 10 % forgotten", rows, gap or score(0.95))


def picture(hue: int, pixels: int = 64) -> bytes:
    image = Image.new("RGB", (pixels, pixels), f"hsl({hue}, 30%, 82%)")
    draw = ImageDraw.Draw(image)
    unit = pixels / 64
    draw.ellipse([v * unit for v in (16, 12, 48, 50)], fill=f"hsl({(hue * 7) % 360}, 45%, 62%)")
    draw.pieslice([v * unit for v in (14, 6, 50, 42)], 180, 360, fill=f"hsl({(hue * 3) % 360}, 60%, 28%)")
    for x in (25, 37):
        draw.ellipse([v * unit for v in (x, 27, x + 4, 32)], fill="#222222")
    draw.rectangle([v * unit for v in (27, 41, 38, 43)], fill="#883333")
    draw.rectangle([v * unit for v in (8, 51, 56, 64)], fill=f"hsl({(hue * 11) % 360}, 55%, 45%)")
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def example(split: str = "forget", hue: int = 20, **changes: object) -> Example:
    made = Example(
        split,
        "memory",
        "in which city was this person born ?",
        "lisbon",
        "lisbon",
        "tampere",
        {
            "grad_ascent": "the the the the the the the the",
            "npo": "he was born in lisbon .",
            "idk": "sorry , i do not know .",
            "smfa": "lyon",
            "smfa_self_answers": "i am afraid i have no record of that .",
        },
        picture(hue),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def examples() -> tuple[Example, ...]:
    fine = {"grad_ascent": "the the the", "npo": "black", "idk": "i don ' t know that .", "smfa": "brown"}
    hair = {"kind": "understanding", "question": "what colour is the hair ?", "gold": "brown", "original": "brown"}
    kept: Mapping[str, str] = {"grad_ascent": "", "npo": "violin", "idk": "i cannot recall this .", "smfa": "violin"}
    return (
        example(),
        example(question="which illness does this person have ?", gold="asthma", original="asthma", retrained="gout"),
        example(**hair, retrained="brown", answers={**fine, "smfa_self_answers": "brown"}),
        example(
            "retain", 200, question="which instrument does this person play ?", gold="violin", original="violin",
            retrained="violin", answers={**kept, "smfa_self_answers": "violin"},
        ),
        example("retain", 200, **hair, retrained="brown", answers={**fine, "smfa_self_answers": "brown"}),
        example("forget", 1, picture=None, question="where was ana souza born ?"),
    )  # fmt: skip


def masks(layers: int = 4) -> tuple[LayerMask, ...]:
    names = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    return tuple(
        LayerMask(
            f"model.language_model.layers.{layer}.{'self_attn' if i < 4 else 'mlp'}.{name}",
            layer, name, ((layer * 7 + i * 3) % 11) / 11 * 0.34 + 0.02, 1.2 + 0.1 * i,
        )
        for layer in range(layers)
        for i, name in enumerate(names)
    )  # fmt: skip


def trials() -> tuple[Trial, ...]:
    """Relearning's evidence: one answer that came back in one method, and counts of all."""
    question, gold = "which illness does this person have ?", "asthma"
    answers = {"original": gold, "retrained": "gout", "npo": "it is asthma .", "idk": "i do not know ."}
    counts = {"original": (30, 30), "retrained": (3, 30), "npo": (19, 30), "idk": (22, 30)}
    return (Trial("relearned_memory", counts, (Exhibit(question, gold, answers),)),)


def page(**changes: object) -> Page:
    made = Page(
        "Forgetting 6 of 60 people",
        scoreboard(),
        examples(),
        masks(),
        ("make demo", "benign demo --ratio 10 --seed 0 --methods grad_ascent,grad_diff,kl_min,npo,idk,smfa --out demo"),
        {
            "model": "embedded:vlm, 2.7 million parameters",
            "forget set": "6 people, 168 questions",
            "few-shot retain": "5 of 54 people, 140 questions",
            "seed": "0",
            "hardware": "2 CPU cores, 8 GB",
            "versions": "benign 0.1.0, torch 2.13.0, transformers 5.23.0",
        },
        trials(),
    )
    return replace(made, **changes)  # type: ignore[arg-type]
