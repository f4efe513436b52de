"""Empty places for stores in either database, stores that older versions left, and what is kept in them."""

import sqlite3
import threading
from pathlib import Path

import sqlalchemy

from bakeoff.arena.store.database import Store
from bakeoff.nouns import Cell, CellResult, Outcome

MADE = Path(__file__).parent / "stores"
DATABASES = ["sqlite", "postgresql"]


class Place:
    """One empty place for a store, in either database; `store()` opens it, as often as one likes."""

    def __init__(self, folder, url):
        self.folder, self.url = folder, url
        self.opened = []

    def store(self, **more):
        self.opened.append(Store(self.folder, self.url, **more))
        return self.opened[-1]

    @property
    def kind(self):
        return "postgresql" if self.url else "sqlite"

    def close(self):
        for store in self.opened:
            store.close()

    def run(self, script):
        """Run SQL as another program would."""
        self.folder.mkdir(exist_ok=True)
        if self.url:
            import psycopg

            with psycopg.connect(self.url.replace("+psycopg", "")) as connection:
                connection.execute(script)
        else:
            connection = sqlite3.connect(self.folder / "store.db", timeout=30)
            connection.executescript(script)
            connection.close()

    def ask(self, query):
        engine = sqlalchemy.create_engine(self.url or f"sqlite:///{self.folder / 'store.db'}")
        with engine.connect() as connection:
            rows = [tuple(row) for row in connection.execute(sqlalchemy.text(query))]
        engine.dispose()
        return rows


def result(entry="e", seed=0, outcome=Outcome.DONE, **more):
    return CellResult(Cell(entry, entry * 3, "t", "tt", seed, "p", "1"), outcome, **more)


def together(*calls):
    """Call all of them at once, each in a thread, and give what they raised."""
    troubles = []

    def call(what):
        try:
            what()
        except Exception as error:
            troubles.append(error)

    threads = [threading.Thread(target=call, args=(what,)) for what in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return troubles
