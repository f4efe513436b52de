"""The first store: results of cells, findings, plans, submissions and final picks."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "results",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("entry", sa.String(200), nullable=False),
        sa.Column("entry_digest", sa.String(64), nullable=False),
        sa.Column("task", sa.String(200), nullable=False),
        sa.Column("task_digest", sa.String(64), nullable=False),
        sa.Column("seed", sa.Integer, nullable=False),
        sa.Column("plan_digest", sa.String(64), nullable=False),
        sa.Column("contract", sa.String(20), nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("log", sa.Text, nullable=False),
        sa.Column("answers", sa.String(64), nullable=False),
        sa.Column("level", sa.String(40), nullable=False),
        sa.Column("limits", sa.JSON, nullable=False),
        sa.Column("measurements", sa.JSON, nullable=False),
        sa.Column("made_with", sa.JSON, nullable=False),
        sa.Column("notes", sa.JSON, nullable=False),
        sa.Column("ended_at", sa.String(40), nullable=False),
    )
    op.create_index("results_by_task", "results", ["task_digest", "seed"])
    op.create_table(
        "judged",
        sa.Column("cell", sa.String(64), primary_key=True),
        sa.Column("judge", sa.String(100), primary_key=True),
        sa.Column("version", sa.String(40), primary_key=True),
    )
    op.create_table(
        "findings",
        sa.Column("cell", sa.String(64), primary_key=True),
        sa.Column("judge", sa.String(100), primary_key=True),
        sa.Column("version", sa.String(40), primary_key=True),
        sa.Column("place", sa.Integer, primary_key=True),
        sa.Column("metric", sa.String(100), nullable=False),
        sa.Column("variant", sa.String(100), nullable=False),
        sa.Column("grp", sa.String(200), nullable=False),
        sa.Column("split", sa.String(40), nullable=False),
        sa.Column("value", sa.Float),
        sa.Column("low", sa.Float),
        sa.Column("high", sa.Float),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("replicates", sa.LargeBinary),
    )
    op.create_table(
        "plans",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("body", sa.JSON, nullable=False),
    )
    op.create_table(
        "submissions",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("team", sa.String(200), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.Column("at", sa.String(40), nullable=False),
    )
    op.create_table(
        "picks",
        sa.Column("team", sa.String(200), primary_key=True),
        sa.Column("task", sa.String(200), primary_key=True),
        sa.Column("entry", sa.String(200), nullable=False),
    )


def downgrade() -> None:
    """Take the tables away."""
    for table in ("picks", "submissions", "plans", "findings", "judged", "results"):
        op.drop_table(table)
