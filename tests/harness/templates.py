"""The templates of a run, compiled once for all of its applications and servers.

Each application compiles a template when it first shows it, some ten milliseconds each, and a run
makes hundreds of applications.
"""

from __future__ import annotations

from flask import Flask
from jinja2 import FileSystemBytecodeCache

from tests.harness import run


def share() -> None:
    """Let the applications that are made from now on take what others of this run compiled."""
    folder = run.folder() / "templates"
    folder.mkdir(mode=0o700, exist_ok=True)
    compiled = FileSystemBytecodeCache(str(folder))
    Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": compiled}
