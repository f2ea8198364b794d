"""The Flask extensions, made here without an application and bound in ``app.factory``.

Rows derive from ``app.core.models.base.Base``, never from ``db.Model``: rows know no Flask.
"""

from __future__ import annotations

from flask_login import LoginManager
from flask_sqlalchemy import SQLAlchemy
from flask_wtf.csrf import CSRFProtect
from htmx_flask import Htmx

from app.core.models.base import Base

db = SQLAlchemy(model_class=Base)
csrf = CSRFProtect()
login_manager = LoginManager()
htmx = Htmx()
