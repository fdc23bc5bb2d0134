"""The ways to make networks that synthesize an image's tables: a word each, known without the extra `train`."""

from __future__ import annotations

COMPONENTS, THESIS = "components", "thesis"
WAYS = (COMPONENTS, THESIS)
