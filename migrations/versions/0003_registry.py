"""Registry with sources and proposals, people's second factor and tokens, what the audit needs

Revision: 0003, after: 0002
"""

from __future__ import annotations

import re

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"
branch_labels = None
depends_on = None


_ONLY_ADDED = ("changes", "changed_fields", "refusals")
"""Tables of the audit: the database itself refuses to change or to delete their rows."""


_LINK_WORD = re.compile(
    r"(?<![\w-])[A-Z0-9_.]{1,30}(?:-[A-Z0-9_.]{1,30}){1,4}-LHC(?:OPN|ONE)-\d{1,4}(?![\w-])",
    re.ASCII,
)
_URL = re.compile(r"(?:[A-Z][A-Z0-9+.-]*://|WWW\.)\S+")


def _find_unknown_links() -> None:
    """Note the words of old tickets that look like link ids and are none: in later ones they are
    noted when the ticket is written."""
    connection = op.get_bind()
    known = {name.upper() for (name,) in connection.execute(sa.text("SELECT name FROM links"))}
    tickets = connection.execute(
        sa.text(
            "SELECT number, title, description FROM tickets"
            " WHERE lower(title) LIKE '%-lhc%' OR lower(description) LIKE '%-lhc%'"
        ),
        execution_options={"yield_per": 1000},
    )
    rows = []
    for number, *texts in tickets:
        words = {word for text in texts for word in _LINK_WORD.findall(_URL.sub(" ", text.upper()))}
        rows += [
            {"ticket_number": number, "name": word, "link_id": None}
            for word in sorted(words - known)
            if len(word) <= 100
        ]
    if rows:
        table = sa.table(
            "unknown_links", sa.column("ticket_number"), sa.column("name"), sa.column("link_id")
        )
        op.bulk_insert(table, rows)


def _note_words() -> None:
    """The word by which each name is found in a text: its first in capitals, if it is of ASCII."""
    connection = op.get_bind()
    for table in ("links", "site_names"):
        named = sa.table(table, sa.column("id"), sa.column("name"), sa.column("word"))
        words = []
        for key, name in connection.execute(sa.select(named.c.id, named.c.name)).all():
            run = re.search(r"[\w-]+", name)
            if run is not None and name.isascii():
                words.append({"key": key, "first": run[0].upper()})
        if words:
            update = sa.update(named).where(named.c.id == sa.bindparam("key"))
            connection.execute(update.values(word=sa.bindparam("first")), words)


_FEWER_FAILURES = (
    "NEW.failures <= OLD.failures OR NEW.kind <> OLD.kind OR NEW.account <> OLD.account"
    " OR NEW.minute <> OLD.minute"
)
"""What no update of a count of failed logins may be."""


def _only_add() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    if not sqlite:
        op.execute(
            "CREATE FUNCTION refuse_to_change_the_audit() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'rows of % are only added', TG_TABLE_NAME; END $$"
        )
    for table, event, when in _refused_events():
        what = (
            f"{when} BEGIN SELECT RAISE(ABORT, 'rows of {table} are only added'); END"
            if sqlite
            else f"FOR EACH ROW {when} EXECUTE FUNCTION refuse_to_change_the_audit()"
        )
        op.execute(f"CREATE TRIGGER {table}_no_{event} BEFORE {event} ON {table} {what}")
    if not sqlite:
        for table in (*_ONLY_ADDED, "failed_logins"):
            op.execute(
                f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}"
                " FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_the_audit()"
            )


def _refused_events() -> list[tuple[str, str, str]]:
    events = [(table, event, "") for table in _ONLY_ADDED for event in ("update", "delete")]
    return [
        *events,
        ("failed_logins", "update", f"WHEN ({_FEWER_FAILURES})"),
        ("failed_logins", "delete", ""),
    ]


def _allow_all() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    for table, event, _when in _refused_events():
        op.execute(f"DROP TRIGGER {table}_no_{event}" + ("" if sqlite else f" ON {table}"))
    if not sqlite:
        for table in (*_ONLY_ADDED, "failed_logins"):
            op.execute(f"DROP TRIGGER {table}_no_truncate ON {table}")
        op.execute("DROP FUNCTION refuse_to_change_the_audit()")


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.create_table(
        "name_decisions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("decision", sa.String(length=10), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_name_decisions")),
        sa.UniqueConstraint("kind", "name", name=op.f("uq_name_decisions_kind_name")),
    )
    op.create_table(
        "link_names",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("link_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(
            ["link_id"], ["links.id"], name=op.f("fk_link_names_link_id_links")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link_names")),
        sa.UniqueConstraint("name", name=op.f("uq_link_names_name")),
    )
    with op.batch_alter_table("link_names", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_link_names_link_id"), ["link_id"], unique=False)

    op.create_table(
        "unknown_links",
        sa.Column("ticket_number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("link_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["link_id"], ["links.id"], name=op.f("fk_unknown_links_link_id_links")
        ),
        sa.ForeignKeyConstraint(
            ["ticket_number"],
            ["tickets.number"],
            name=op.f("fk_unknown_links_ticket_number_tickets"),
        ),
        sa.PrimaryKeyConstraint("ticket_number", "name", name=op.f("pk_unknown_links")),
    )
    with op.batch_alter_table("unknown_links", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_unknown_links_name"), ["name", "ticket_number"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_unknown_links_link_id"), ["link_id"], unique=False)

    with op.batch_alter_table("tickets", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_tickets_unit"), ["unit", "number"], unique=False)

    op.create_table(
        "fact_sources",
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("thing_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("field", sa.String(length=50), nullable=False),
        sa.Column("source", sa.String(length=255), nullable=False),
        sa.Column("sample", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "thing_id", "field", name=op.f("pk_fact_sources")),
    )
    op.create_table(
        "failed_logins",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("account", sa.String(length=100), nullable=False),
        sa.Column("minute", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("remote", sa.String(length=45), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_failed_logins")),
        sa.UniqueConstraint(
            "kind", "account", "minute", name=op.f("uq_failed_logins_kind_account_minute")
        ),
    )
    with op.batch_alter_table("failed_logins", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_failed_logins_minute"), ["minute"], unique=False)

    op.create_table(
        "pending_logins",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_pending_logins_user_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pending_logins")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_pending_logins_token_hash")),
    )
    with op.batch_alter_table("pending_logins", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_pending_logins_user_id"), ["user_id"], unique=False)

    op.create_table(
        "refusals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_kind", sa.String(length=10), nullable=False),
        sa.Column("actor_account", sa.String(length=100), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("door", sa.String(length=10), nullable=False),
        sa.Column("remote", sa.String(length=45), nullable=False),
        sa.Column("what", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refusals")),
    )
    with op.batch_alter_table("refusals", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_refusals_actor_account"), ["actor_account", "at", "id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_refusals_at"), ["at", "id"], unique=False)

    op.create_table(
        "source_runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("alarm", sa.Text(), nullable=False),
        sa.Column("findings", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source_runs")),
    )
    with op.batch_alter_table("source_runs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_source_runs_source"), ["source"], unique=False)

    op.create_table(
        "units",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("same_as_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["same_as_id"], ["units.id"], name=op.f("fk_units_same_as_id_units")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_units")),
        sa.UniqueConstraint("name", name=op.f("uq_units_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("scopes", sa.String(length=100), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_api_tokens_user_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("name", name=op.f("uq_api_tokens_name")),
    )
    with op.batch_alter_table("api_tokens", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_api_tokens_user_id"), ["user_id"], unique=False)

    op.create_table(
        "proposals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=True),
        sa.Column("subject", sa.String(length=100), nullable=False),
        sa.Column("field", sa.String(length=50), nullable=False),
        sa.Column("current", sa.Text(), nullable=True),
        sa.Column("proposed", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_proposals_site_id_sites")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proposals")),
        sa.UniqueConstraint("source", "digest", name=op.f("uq_proposals_source_digest")),
    )
    with op.batch_alter_table("proposals", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_proposals_site_id"), ["site_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_proposals_state"), ["state", "id"], unique=False)

    op.create_table(
        "recovery_codes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_recovery_codes_user_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_codes")),
    )
    with op.batch_alter_table("recovery_codes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_recovery_codes_user_id"), ["user_id"], unique=False)

    op.create_table(
        "reset_links",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_reset_links_user_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reset_links")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_reset_links_token_hash")),
    )
    with op.batch_alter_table("reset_links", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_reset_links_user_id"), ["user_id"], unique=False)

    op.create_table(
        "site_asns",
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("asn", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_site_asns_site_id_sites")),
        sa.PrimaryKeyConstraint("site_id", "asn", name=op.f("pk_site_asns")),
    )
    op.create_table(
        "site_contacts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("mail", sa.String(length=254), nullable=False),
        sa.Column("phone", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(
            ["site_id"], ["sites.id"], name=op.f("fk_site_contacts_site_id_sites")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site_contacts")),
    )
    with op.batch_alter_table("site_contacts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_site_contacts_site_id"), ["site_id"], unique=False)

    op.create_table(
        "site_prefixes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("network", sa.String(length=10), nullable=False),
        sa.Column("prefix", sa.String(length=43), nullable=False),
        sa.ForeignKeyConstraint(
            ["site_id"], ["sites.id"], name=op.f("fk_site_prefixes_site_id_sites")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site_prefixes")),
        sa.UniqueConstraint(
            "site_id", "network", "prefix", name=op.f("uq_site_prefixes_site_id_network_prefix")
        ),
    )
    with op.batch_alter_table("site_prefixes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_site_prefixes_prefix"), ["prefix"], unique=False)
        batch_op.create_index(batch_op.f("ix_site_prefixes_site_id"), ["site_id"], unique=False)

    op.create_table(
        "link_circuits",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("link_id", sa.Integer(), nullable=False),
        sa.Column("provider", sa.String(length=100), nullable=False),
        sa.Column("circuit_id", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(
            ["link_id"], ["links.id"], name=op.f("fk_link_circuits_link_id_links")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link_circuits")),
    )
    with op.batch_alter_table("link_circuits", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_link_circuits_circuit_id"), ["circuit_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_link_circuits_link_id"), ["link_id"], unique=False)

    op.create_table(
        "token_secrets",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_id", sa.Integer(), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["token_id"], ["api_tokens.id"], name=op.f("fk_token_secrets_token_id_api_tokens")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_token_secrets")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_token_secrets_secret_hash")),
    )
    with op.batch_alter_table("token_secrets", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_token_secrets_token_id"), ["token_id"], unique=False)

    with op.batch_alter_table("changes", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("remote", sa.String(length=45), nullable=False, server_default="")
        )
        batch_op.create_index(batch_op.f("ix_changes_kind"), ["kind", "at", "id"], unique=False)
        batch_op.create_index(
            "ix_changes_kind_actor", ["kind", "actor_account", "at", "id"], unique=False
        )

    with op.batch_alter_table("links", schema=None) as batch_op:
        batch_op.add_column(sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    for table in ("links", "site_names"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(
                sa.Column("word", sa.String(length=100), nullable=False, server_default="")
            )
            batch_op.create_index(batch_op.f(f"ix_{table}_word"), ["word"], unique=False)

    with op.batch_alter_table("logins", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("second_factor", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch_op.add_column(
            sa.Column("remote", sa.String(length=45), nullable=False, server_default="")
        )
        batch_op.add_column(
            sa.Column("browser", sa.String(length=255), nullable=False, server_default="")
        )
        batch_op.add_column(sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True))

    with op.batch_alter_table("sites", schema=None) as batch_op:
        batch_op.add_column(sa.Column("valid_from", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("valid_until", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
        batch_op.add_column(sa.Column("bandwidth_gbps", sa.Float(), nullable=True))
        batch_op.add_column(
            sa.Column("nrens", sa.String(length=255), nullable=False, server_default="")
        )
        batch_op.add_column(
            sa.Column("vos", sa.String(length=255), nullable=False, server_default="")
        )

    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("mail", sa.String(length=254), nullable=False, server_default="")
        )
        batch_op.add_column(
            sa.Column("totp_secret", sa.String(length=255), nullable=False, server_default="")
        )
        batch_op.add_column(sa.Column("totp_since", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(
            sa.Column("totp_step", sa.BigInteger(), nullable=False, server_default="0")
        )

    for table, kind in (("sites", "site"), ("links", "link")):
        op.execute(  # names from the line above
            f"UPDATE {table} SET version = COALESCE((SELECT MAX(changes.version) FROM changes"  # noqa: S608
            f" WHERE changes.kind = '{kind}' AND changes.thing_id = {table}.id), 1)"
        )
    _note_words()
    _find_unknown_links()
    _only_add()


def downgrade() -> None:
    """Take it back."""
    _allow_all()
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.drop_column("totp_step")
        batch_op.drop_column("totp_since")
        batch_op.drop_column("totp_secret")
        batch_op.drop_column("mail")

    with op.batch_alter_table("sites", schema=None) as batch_op:
        batch_op.drop_column("vos")
        batch_op.drop_column("nrens")
        batch_op.drop_column("bandwidth_gbps")
        batch_op.drop_column("version")
        batch_op.drop_column("valid_until")
        batch_op.drop_column("valid_from")

    with op.batch_alter_table("logins", schema=None) as batch_op:
        batch_op.drop_column("seen_at")
        batch_op.drop_column("browser")
        batch_op.drop_column("remote")
        batch_op.drop_column("second_factor")

    for table in ("links", "site_names"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_index(batch_op.f(f"ix_{table}_word"))
            batch_op.drop_column("word")
    with op.batch_alter_table("links", schema=None) as batch_op:
        batch_op.drop_column("version")

    with op.batch_alter_table("changes", schema=None) as batch_op:
        batch_op.drop_index("ix_changes_kind_actor")
        batch_op.drop_index(batch_op.f("ix_changes_kind"))
        batch_op.drop_column("remote")

    with op.batch_alter_table("token_secrets", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_token_secrets_token_id"))

    op.drop_table("token_secrets")
    with op.batch_alter_table("link_circuits", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_link_circuits_link_id"))
        batch_op.drop_index(batch_op.f("ix_link_circuits_circuit_id"))

    op.drop_table("link_circuits")
    with op.batch_alter_table("site_prefixes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_site_prefixes_site_id"))
        batch_op.drop_index(batch_op.f("ix_site_prefixes_prefix"))

    op.drop_table("site_prefixes")
    with op.batch_alter_table("site_contacts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_site_contacts_site_id"))

    op.drop_table("site_contacts")
    op.drop_table("site_asns")
    with op.batch_alter_table("reset_links", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_reset_links_user_id"))

    op.drop_table("reset_links")
    with op.batch_alter_table("recovery_codes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_recovery_codes_user_id"))

    op.drop_table("recovery_codes")
    with op.batch_alter_table("proposals", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_proposals_state"))
        batch_op.drop_index(batch_op.f("ix_proposals_site_id"))

    op.drop_table("proposals")
    with op.batch_alter_table("api_tokens", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_api_tokens_user_id"))

    op.drop_table("api_tokens")
    op.drop_table("units")
    with op.batch_alter_table("source_runs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_source_runs_source"))

    op.drop_table("source_runs")
    with op.batch_alter_table("refusals", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_refusals_at"))
        batch_op.drop_index(batch_op.f("ix_refusals_actor_account"))

    op.drop_table("refusals")
    with op.batch_alter_table("failed_logins", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_failed_logins_minute"))

    op.drop_table("failed_logins")
    with op.batch_alter_table("pending_logins", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_pending_logins_user_id"))

    op.drop_table("pending_logins")
    op.drop_table("fact_sources")
    with op.batch_alter_table("tickets", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_tickets_unit"))

    op.drop_table("unknown_links")
    op.drop_table("link_names")
    op.drop_table("name_decisions")
