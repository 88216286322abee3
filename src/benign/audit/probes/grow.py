"""A graph grown by asking an OpenAI-compatible endpoint: the published package ``llm2graph``, as it is.

Source: the Unlearning Mirage (arXiv 2603.11266). The endpoint must serve the original model. The package takes the
endpoint's address and key from the environment (``OPENAI_BASE_URL``, ``OPENAI_API_KEY``), asks ten questions about a
subject, has the answers taken apart into triples, and goes on from their objects.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from contextlib import redirect_stderr

from benign.audit.probes.graph import Edge, Graph, from_json
from benign.errors import UserError


def grown(subjects: Sequence[str], model: str, *, depth: int = 2, questions: int = 10) -> Graph:
    """What an endpoint's model knows of the subjects, as one graph with them as its targets.

    Args:
        subjects: The names of those to forget.
        model: The endpoint's model, which must be the original one.
        depth: How many steps away from a subject the model is asked (the package's default).
        questions: How many questions about each node (the package's default).

    Raises:
        UserError: ``llm2graph`` is not installed, no key is set, or the endpoint's answers cannot be used.
    """
    try:
        import llm2graph
        from llm2graph.llm_client import LLMError
        from openai import OpenAIError
    except ImportError:
        raise UserError(
            "growing a graph needs the package llm2graph", fix="pip install 'benign[llm2graph]', or give a graph's file"
        ) from None
    if not subjects:
        raise UserError("nobody to ask about", where="subjects", fix="name the subjects to forget")
    if not os.environ.get("OPENAI_API_KEY"):
        raise UserError("no key for the endpoint", where="OPENAI_API_KEY", fix="set it, and OPENAI_BASE_URL")
    config = llm2graph.Config(model=model, max_depth=depth, elicitation_question_count=questions)
    edges: dict[Edge, None] = {}
    for subject in subjects:
        try:
            # It writes every prompt and every answer to the terminal, and quotes them in its errors.
            with redirect_stderr(io.StringIO()):
                found = llm2graph.GraphBuilder(config).build(subject).to_json()
        except (LLMError, OpenAIError) as error:
            reason = f"llm2graph could not ask the endpoint or use its answers ({type(error).__name__})"
            raise UserError(reason, where=model) from None
        edges |= dict.fromkeys(from_json(found).edges)
    return Graph(tuple(edges), subjects[0], meta={"targets": list(subjects), "grown_from": model})
