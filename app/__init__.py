"""The portal: one floor per folder, one noun per file (docs/adr tells why)."""
