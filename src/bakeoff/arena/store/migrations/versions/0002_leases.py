"""Leases, so that several runners share one store; tokens, so that a change tried again is made once.

On PostgreSQL texts have no longest length any more: other people's judges choose their words.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables of leases, give results and submissions their tokens, and let texts be long."""
    op.create_table(
        "leases",
        sa.Column("cell", sa.String(64), primary_key=True),
        sa.Column("runner", sa.String(64), nullable=False),
        sa.Column("token", sa.String(64), nullable=False),
    )
    op.create_table(
        "runners",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("beat", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("machine", sa.Text, nullable=False),
        sa.Column("process", sa.Text, nullable=False),
    )
    op.add_column("results", sa.Column("token", sa.String(64), nullable=False, server_default=""))
    op.add_column("submissions", sa.Column("token", sa.String(64), nullable=False, server_default=""))
    bind = op.get_bind()
    if bind.dialect.name == "postgresql":
        for table in ("results", "judged", "findings", "plans", "submissions", "picks"):
            for column in sa.inspect(bind).get_columns(table):
                if isinstance(column["type"], sa.String) and not isinstance(column["type"], sa.Text):
                    op.alter_column(table, column["name"], type_=sa.Text)


def downgrade() -> None:
    """Forget leases and tokens."""
    op.drop_column("submissions", "token")
    op.drop_column("results", "token")
    op.drop_table("runners")
    op.drop_table("leases")
