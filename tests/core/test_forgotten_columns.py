"""Each column that may hold a person's name or address is decided, for ``flask person forget``."""

from __future__ import annotations

from typing import Final

from sqlalchemy import LargeBinary, String

import app.tables  # noqa: F401  # every table
from app.core.models.base import ADDRESS, ADDRESSES, COPY, NAME, OWN, SENTENCE, Base

_CHANGED: Final = """
    api_tokens: name used_from
    calendar_feeds: secret_hash
    changed_fields: old new
    changes: actor_account remote
    failed_logins: account remote
    form_keys: digest
    identities: issuer subject full_name mail granted id_token
    incoming_mails: sender content
    login_failures: account
    logins: token_hash remote browser
    mail_letters: content
    mail_stops: address_key
    mails: address address_key why reason
    passkey_challenges: token_hash challenge
    passkeys: name credential_id public_key transports
    pending_logins: token_hash
    recovery_codes: code_hash
    refusals: actor_account remote
    reset_links: token_hash
    saved_filters: name query
    sign_on_requests: subject login_name full_name mail granted
    ticket_reminders: note
    ticket_words: public internal endings
    tickets: submitter_phone
    token_secrets: secret_hash
    users: name mail password_hash time_zone totp_secret passkey_handle list_columns
    webhook_secrets: sealed
    webhooks: name url
"""
"""Columns that the services of forgetting change, or of rows that they delete."""
_WRITTEN: Final = """
    acknowledgements: reason
    api_requests: key
    attachment_contents: content
    attachments: name
    changes: claims
    connection_profiles: content
    connections: url remote_login reason comparison
    duty_forces: reason end_reason
    duty_rule_versions: content note
    duty_rules: name about
    event_imports: name source shown content
    event_sources: name link_label site_label state_label layer_label state_words
    events: source_key link_text site_text detail
    exchange_entries: content their_key
    external_references: provider reference url
    hand_made_matches: reason
    imported_tickets: source number
    incoming_mails: recipient subject text files
    jobs: key
    lhc_periods: name source note
    link_circuits: provider circuit_id
    link_names: name
    links: name
    maintenance_notices: provider provider_key uid status impact title maintenance_ids
    maintenance_notices: form reading
    matching_rules: note
    meeting_pack_files: content
    meeting_packs: title trouble
    name_decisions: name
    notice_circuits: object_id impact
    carrier_trusts: sender provider form
    notice_files: name subject text content
    origin_keys: origin_system origin_id content
    partner_accounts: login
    proposals: subject current proposed note
    provider_maintenances: provider_key uid
    report_attachment_contents: content
    report_attachments: name
    report_comments: text
    report_fields: value
    report_forms: content note
    report_quiet: reason
    report_versions: fields reopen_reason
    request_keys: key
    sign_on_maps: content
    site_downtimes: resource services severity text
    site_contacts: name mail phone
    site_names: name
    site_spellings: name
    sites: nrens vos
    source_runs: alarm findings
    teleconference_pauses: reason lift_reason
    teleconference_people: why
    teleconference_points: text address
    teleconferences: reason place why_not minutes agenda
    ticket_pairs: their_id their_number their_url moved_from
    ticket_pairs: bases their_values differing left_differing
    ticket_sites: name
    tickets: title description solution affected_vo related_issue origin_system origin_id
    units: name
    unknown_links: name
    unpaired_tickets: their_id their_number their_url
    webhooks: filter
"""
"""Texts and files of people, partners and sources, which are not changed: ``remaining`` finds the
person in texts, and the command says that files were not searched."""
_NOBODY: Final = """
    account_secrets: password_hash
    api_requests: digest
    api_tokens: scopes
    attachments: media_type digest
    bulk_changes: key
    changed_fields: field
    changes: request_digest traceparent
    connection_secrets: sealed
    connections: cursor fields_there
    event_imports: digest zone
    event_tickets: why
    exchange_hints: key
    fact_sources: field
    follower_troubles: name
    imported_tickets: content_digest
    incoming_mails: key
    jobs: name claimed_by
    links: word
    mail_messages: key
    mails: taker
    maintenance_notices: digest
    meeting_packs: slides doing
    notice_files: digest
    origin_differences: content_digest
    partner_calls: operation
    partners: code
    portal_facts: name value
    proposals: digest field
    report_attachments: media_type digest
    refusals: what reason
    report_fields: name
    report_reminders: step
    report_versions: numbers
    request_keys: content_digest
    sign_on_requests: issuer
    site_names: word
    site_prefixes: prefix
    site_downtimes: their_id
    sites: key time_zone
    teleconferences: uid
    ticket_pairs: copies
    tickets: unit type_of_problem
    timed_work: name claimed_by
    verified_credentials: digest
    webhook_deliveries: key kind failure
    webhooks: kinds
    workers: id host
"""
"""Hashes, keys and words of the portal, which say nothing of a person."""


def _places(*listed: str) -> list[str]:
    lines = (line.split(":") for text in listed for line in text.strip().splitlines())
    return [f"{table.strip()}.{name}" for table, names in lines for name in names.split()]


def test_every_column_of_texts_or_files_is_decided() -> None:
    """A new one declares what it contains (``app.core.models.base``), or belongs to a list above;
    those of at most 20 characters hold states and kinds."""
    declared = (NAME, SENTENCE, ADDRESS, ADDRESSES, COPY)
    found, decided = set(), _places(_CHANGED, _WRITTEN, _NOBODY)
    for table in Base.metadata.tables.values():
        for one in table.columns:
            is_long = isinstance(one.type, String) and not 0 < (one.type.length or 0) <= 20
            if one.info in declared:
                assert is_long, one
            elif is_long or isinstance(one.type, LargeBinary):
                found.add(f"{table.name}.{one.name}")
    assert found - set(decided) == set(), "undecided"
    assert sorted(decided) == sorted(set(decided) & found), "not a column, or in two lists"


def test_every_column_that_refers_to_a_person_is_decided() -> None:
    """Rows that matter to one person only are their own; the others keep the key."""
    stay = {
        *("api_tokens.user_id", "attachments.created_by_user_id", "bulk_changes.user_id"),
        *("event_imports.user_id", "mails.user_id", "meeting_packs.user_id"),
        *("report_comments.author_id", "saved_filters.owner_id"),
        *("teleconferences.requested_by_id", "teleconference_people.user_id"),
        *("tickets.created_by_user_id", "webhooks.user_id"),
    }
    found = {
        f"{table.name}.{one.name}": one.info
        for table in Base.metadata.tables.values()
        for one in table.columns
        if any(key.column.table.name == "users" for key in one.foreign_keys)
    }
    assert {place for place, info in found.items() if info != OWN} == stay
