"""Every table of the database.

A process that opens a session imports it (``app/composition.py`` does): a relationship names its
table.
"""

from app.accounts.models.api_requests import ApiRequest
from app.accounts.models.calls import AccountDay, PartnerCall
from app.accounts.models.copies import CopiesOfDay
from app.accounts.models.feeds import CalendarFeed
from app.accounts.models.partners import AccountSecret, AccountSite, Partner, PartnerAccount
from app.accounts.models.passkeys import Passkey, PasskeyChallenge
from app.accounts.models.people import (
    ApiToken,
    FailedLogins,
    Login,
    LoginFailure,
    PendingLogin,
    RecoveryCode,
    ResetLink,
    TokenSecret,
    User,
    UserSite,
    VerifiedCredential,
)
from app.accounts.models.sign_on import Identity, SignOnMap, SignOnRequest
from app.calendar.models.lhc import LhcPeriod
from app.core.models.base import Base, UtcTime
from app.core.models.changes import Change, ChangedField, Counter, PortalFact, Refusal
from app.core.models.form_keys import FormKey
from app.duties.models.duties import (
    Duty,
    DutyForce,
    DutyRipening,
    DutyRule,
    DutyRuleVersion,
    DutySum,
    ServiceLoss,
)
from app.events.models.events import Event, EventSource
from app.events.models.imports import EventImport, EventsOfImport
from app.exchange.models.connections import (
    Connection,
    ConnectionProfile,
    ConnectionSecret,
    ExchangeCall,
    ExchangeHint,
)
from app.exchange.models.incoming_mails import IncomingMail, IncomingMailDay
from app.exchange.models.pairs import Entry, TicketPair
from app.jobs.models.work import ENGINE_TABLES, Job, JobFailure, TimedWork, Worker
from app.mail.models.mails import Mail, MailMessage, MailNotification, MailStop
from app.matching.models.matching import (
    DetectedEvent,
    EventOfDetected,
    EventTicket,
    HandMade,
    MatchingRule,
    StaleMatching,
)
from app.meetings.models.packs import MeetingPack, MeetingPackFile
from app.meetings.models.teleconferences import (
    Teleconference,
    TeleconferencePause,
    TeleconferencePerson,
    TeleconferencePoint,
    TeleconferenceTicket,
    TeleconferenceTime,
)
from app.notices.models.notices import (
    MaintenanceNotice,
    NoticeCircuit,
    NoticeFile,
    ProviderMaintenance,
)
from app.registry.models.registry import (
    FactSource,
    Link,
    LinkCircuit,
    LinkName,
    NameDecision,
    Proposal,
    Site,
    SiteAsn,
    SiteContact,
    SiteName,
    SitePrefix,
    SourceRun,
    Unit,
)
from app.reports.models.reminders import ReportQuiet, ReportReminder
from app.reports.models.reports import (
    Report,
    ReportAttachment,
    ReportAttachmentContent,
    ReportComment,
    ReportField,
    ReportForm,
    ReportVersion,
)
from app.tickets.models.attachments import Attachment, AttachmentContent
from app.tickets.models.desk import BulkChange, BulkChangeTicket, SavedFilter, TicketVisit
from app.tickets.models.personal_reminders import TicketReminder
from app.tickets.models.relations import Acknowledgement, TicketRelation
from app.tickets.models.search import TicketWords
from app.tickets.models.tickets import (
    ConcernedSite,
    ExternalReference,
    ImportedTicket,
    OriginDifference,
    OriginKey,
    RequestKey,
    SiteSpelling,
    Ticket,
    TicketLink,
    TicketPartner,
    TicketSite,
    UnknownLink,
)
from app.tickets.models.watchers import TicketWatcher
from app.webhooks.models.webhooks import Webhook, WebhookDelivery, WebhookSecret

__all__ = [
    "ENGINE_TABLES",
    "AccountDay",
    "AccountSecret",
    "AccountSite",
    "Acknowledgement",
    "ApiRequest",
    "ApiToken",
    "Attachment",
    "AttachmentContent",
    "Base",
    "BulkChange",
    "BulkChangeTicket",
    "CalendarFeed",
    "Change",
    "ChangedField",
    "ConcernedSite",
    "Connection",
    "ConnectionProfile",
    "ConnectionSecret",
    "CopiesOfDay",
    "Counter",
    "DetectedEvent",
    "Duty",
    "DutyForce",
    "DutyRipening",
    "DutyRule",
    "DutyRuleVersion",
    "DutySum",
    "Entry",
    "Event",
    "EventImport",
    "EventOfDetected",
    "EventSource",
    "EventTicket",
    "EventsOfImport",
    "ExchangeCall",
    "ExchangeHint",
    "ExternalReference",
    "FactSource",
    "FailedLogins",
    "FormKey",
    "HandMade",
    "Identity",
    "ImportedTicket",
    "IncomingMail",
    "IncomingMailDay",
    "Job",
    "JobFailure",
    "LhcPeriod",
    "Link",
    "LinkCircuit",
    "LinkName",
    "Login",
    "LoginFailure",
    "Mail",
    "MailMessage",
    "MailNotification",
    "MailStop",
    "MaintenanceNotice",
    "MatchingRule",
    "MeetingPack",
    "MeetingPackFile",
    "NameDecision",
    "NoticeCircuit",
    "NoticeFile",
    "OriginDifference",
    "OriginKey",
    "Partner",
    "PartnerAccount",
    "PartnerCall",
    "Passkey",
    "PasskeyChallenge",
    "PendingLogin",
    "PortalFact",
    "Proposal",
    "ProviderMaintenance",
    "RecoveryCode",
    "Refusal",
    "Report",
    "ReportAttachment",
    "ReportAttachmentContent",
    "ReportComment",
    "ReportField",
    "ReportForm",
    "ReportQuiet",
    "ReportReminder",
    "ReportVersion",
    "RequestKey",
    "ResetLink",
    "SavedFilter",
    "ServiceLoss",
    "SignOnMap",
    "SignOnRequest",
    "Site",
    "SiteAsn",
    "SiteContact",
    "SiteName",
    "SitePrefix",
    "SiteSpelling",
    "SourceRun",
    "StaleMatching",
    "Teleconference",
    "TeleconferencePause",
    "TeleconferencePerson",
    "TeleconferencePoint",
    "TeleconferenceTicket",
    "TeleconferenceTime",
    "Ticket",
    "TicketLink",
    "TicketPair",
    "TicketPartner",
    "TicketRelation",
    "TicketReminder",
    "TicketSite",
    "TicketVisit",
    "TicketWatcher",
    "TicketWords",
    "TimedWork",
    "TokenSecret",
    "Unit",
    "UnknownLink",
    "User",
    "UserSite",
    "UtcTime",
    "VerifiedCredential",
    "Webhook",
    "WebhookDelivery",
    "WebhookSecret",
    "Worker",
]
