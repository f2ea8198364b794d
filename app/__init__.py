"""The portal: one floor per folder, one noun per file (docs/adr says why)."""

from app.libraries import load_late

load_late()
