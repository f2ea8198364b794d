"""Database rows and constraints; no rules, no framework."""

from app.models.base import Base, UtcTime
from app.models.changes import Change, ChangedField, Counter, PortalFact
from app.models.partners import AccountSecret, Partner, PartnerAccount
from app.models.people import Login, LoginFailure, User, UserSite, VerifiedCredential
from app.models.registry import Link, Site, SiteName
from app.models.tickets import (
    ExternalReference,
    OriginDifference,
    OriginKey,
    SiteSpelling,
    Ticket,
    TicketLink,
    TicketPartner,
    TicketSite,
)

__all__ = [
    "AccountSecret",
    "Base",
    "Change",
    "ChangedField",
    "Counter",
    "ExternalReference",
    "Link",
    "Login",
    "LoginFailure",
    "OriginDifference",
    "OriginKey",
    "Partner",
    "PartnerAccount",
    "PortalFact",
    "Site",
    "SiteName",
    "SiteSpelling",
    "Ticket",
    "TicketLink",
    "TicketPartner",
    "TicketSite",
    "User",
    "UserSite",
    "UtcTime",
    "VerifiedCredential",
]
