"""What a fitted entry claims of its privacy, beside each result."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Give results a place for the claim; those there are have none."""
    op.add_column("results", sa.Column("claim", sa.JSON, nullable=True))


def downgrade() -> None:
    """Forget the claims."""
    op.drop_column("results", "claim")
