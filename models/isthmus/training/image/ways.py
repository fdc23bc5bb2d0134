"""The ways to train networks that synthesize an image's tables. Light: a command imports it."""

from __future__ import annotations

COMPONENTS, THESIS = "components", "thesis"
WAYS = (COMPONENTS, THESIS)
