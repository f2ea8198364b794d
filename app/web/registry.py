"""Pages of the registry: sites with all their names, links with their two ends. Reading only."""

from __future__ import annotations

from flask import Blueprint, render_template

from app.extensions import db
from app.services.registry import all_links, all_sites, responsible_site_of_link

blueprint = Blueprint("registry", __name__)


@blueprint.get("/sites")
def sites() -> str:
    """All sites."""
    return render_template("registry/sites.html", sites=all_sites(db.session()))


@blueprint.get("/links")
def links() -> str:
    """All links, each with the site that is responsible."""
    rows = [(link, responsible_site_of_link(link)) for link in all_links(db.session())]
    return render_template("registry/links.html", links=rows)
