"""The portal in a real Chromium, with and without JavaScript."""
