"""The worker's door: what runs without anybody asking. It parses nothing and holds no rules."""
