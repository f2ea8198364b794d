"""Database rows and constraints; no rules, no framework."""

from app.models.attachments import Attachment, AttachmentContent
from app.models.base import Base, UtcTime
from app.models.calls import AccountDay, PartnerCall
from app.models.changes import Change, ChangedField, Counter, PortalFact
from app.models.partners import AccountSecret, AccountSite, Partner, PartnerAccount
from app.models.people import Login, LoginFailure, User, UserSite, VerifiedCredential
from app.models.registry import Link, Site, SiteName
from app.models.relations import Acknowledgement, TicketRelation
from app.models.tickets import (
    ExternalReference,
    OriginDifference,
    OriginKey,
    RequestKey,
    SiteSpelling,
    Ticket,
    TicketLink,
    TicketPartner,
    TicketSite,
)

__all__ = [
    "AccountDay",
    "AccountSecret",
    "AccountSite",
    "Acknowledgement",
    "Attachment",
    "AttachmentContent",
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
    "PartnerCall",
    "PortalFact",
    "RequestKey",
    "Site",
    "SiteName",
    "SiteSpelling",
    "Ticket",
    "TicketLink",
    "TicketPartner",
    "TicketRelation",
    "TicketSite",
    "User",
    "UserSite",
    "UtcTime",
    "VerifiedCredential",
]
