"""What the last scheduling rounds decided.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE rounds (
            round_id BIGSERIAL NOT NULL,
            date INTEGER DEFAULT 0 NOT NULL,
            waiting INTEGER DEFAULT 0 NOT NULL,
            running INTEGER DEFAULT 0 NOT NULL,
            planned INTEGER DEFAULT 0 NOT NULL,
            launched INTEGER DEFAULT 0 NOT NULL,
            decisions JSONB DEFAULT '[]' NOT NULL,
            omitted INTEGER DEFAULT 0 NOT NULL,
            read_ms INTEGER DEFAULT 0 NOT NULL,
            decided_ms INTEGER DEFAULT 0 NOT NULL,
            wrote_ms INTEGER DEFAULT 0 NOT NULL,
            CONSTRAINT pk_rounds PRIMARY KEY (round_id)
        )
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE rounds")
