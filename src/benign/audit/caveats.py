"""When a number lies: for each metric behind a scoreboard's column, what can make it say the wrong thing."""

from __future__ import annotations

from collections.abc import Mapping

_GUESSES = "A model that never knew guesses too: read it beside the retrained model's."
_FORM = "Where answers are whole sentences most words are form, which a model that never knew writes as well."
_SAMPLES = "A leak rarer than one in the number of samples is not seen; a destroyed model is at 0."
_REFERENCE = "It is as good as the retrained model: one of other data or too short a training moves the goal."

CAVEATS: Mapping[str, str] = {
    "exact_match": "One other word makes it 0, so a leak in a sentence or in other words does not show.",
    "rouge_l": f"{_FORM} It sees words and not meaning: a synonym is lost, and a wrong name in a right frame counts.",
    "answer_probability": "Long answers have a low mean for their form alone; a filter in front of the model hides "
    "nothing from it, a model that is merely flat looks as if it had forgotten.",
    "worst_wording": f"The best of several wordings counts, so more wordings give a higher number. {_GUESSES}",
    "choice_accuracy": "Chance is one over the choices and not 0; below chance the right answer is avoided, which "
    "tells it. Wrong choices of another form make it easy for everybody.",
    "refusal_rate": "English only, and by rules: a polite change of subject is no refusal here.",
    "exact_memorisation": f"{_FORM} The answer up to there is given, so one known word gives the next ones away.",
    "extraction_strength": "Short answers have few values (a word or two: 0, 0.5 or 1), and a fact that was learned in "
    "other words hardly shows.",
    "truth_ratio": "It compares a right answer with wrong ones: where both became equally unlikely it looks forgotten, "
    "and wrong answers of another form or length decide it alone.",
    "forget_quality": "A p-value falls with the number of records, so 40 and 400 are not comparable; a destroyed model "
    f"can score well by chance. {_REFERENCE}",
    "forget_quality_log10": "As forget quality.",
    "distribution_similarity": f"It stays below 1 by noise, the more the fewer records there are. {_REFERENCE}",
    "membership_auc": "The holdout set must be of the same kind as the forget set, or the difference of kinds is "
    "measured. Below 0.5 is not better: it, too, tells who was in the forget set.",
    "membership_tpr": "At one in a hundred it rests on the few least likely records of the holdout set: with fewer "
    "than a hundred of them it is coarse.",
    "membership_reference_auc": f"As membership. {_REFERENCE}",
    "privacy": f"It has one good end for two bad ones, and does not say which. {_REFERENCE}",
    "privleak": f"The retrained model's AUC is in the denominator, so near 1 it explodes. {_REFERENCE}",
    "over_forgetting": "It counts what the original knew; what it did not know cannot be lost.",
    "model_utility": "A harmonic mean is 0 as soon as one of nine is, and says nothing then about the others.",
    "safe_refusals": "As refusals; wrong answers to harmless questions are none, and do not count.",
    "meaningful_score": "The offline rules see loops and noise, and neither fluent nonsense nor short word salad.",
    "fact_score": "The judge marks it: rules see words, a model sees meaning and has moods. Rows of different judges "
    "do not compare.",
    "overall_understanding": "As the fact score.",
    "overall_memory": "A model that knows nothing and one that forgot nothing are both near 0: look at its two parts.",
    "overall_meaningful": "As the meaningful score.",
    "option_probability": "Wrong answers that nobody would give make it 1 for anybody.",
    "verbatim_memorisation": "F1: a leak in a long answer is diluted.",
    "knowledge_memorisation": "F1: a leak in a long answer is diluted; what the model says after a new question of "
    "its own is not seen.",
    "memo": "Precision falls with the answer's length; long answers have more beginnings and weigh no more.",
    "rouge_1": f"Order does not count, so a bag of the right words is a right answer. {_FORM}",
    "bleu": "Precision: it falls with the length of an answer, so a leak in a long one hardly shows.",
    "keyword_match": "Which words tell an answer is found by rules: those that its question does not hold.",
    "leak_either": "Only facts that are asked by picture and by name count.",
    "kept_both": "Only facts that are asked by picture and by name count.",
    "fluency": "It says whether words vary, and not whether they are right or even words.",
    "perplexity": "It is about the right answers' form: low for a model that writes well and answers wrongly.",
    "distinct": "Short right answers share pairs of words and look poor; noise looks rich.",
    "self_bleu": "Answers that are rightly alike (dates, towns) look like one canned answer.",
    "leak_at_k": _SAMPLES,
    "worst_at_k": f"It grows with the number of samples. {_SAMPLES}",
    "leak_bound": "An upper bound: with few samples it is far above the rate itself.",
    "expected_leak_bound": "An upper bound: with few samples it is far above the mean itself.",
}
"""By the metric's function."""
