"""Alembic's entry: run the migrations on the connection that the store hands over."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    render_as_batch=True,
    # The store's connection begins its transactions itself, so that SQLite takes all of an upgrade or nothing.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
