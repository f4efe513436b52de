"""The wall: what runs an entry's code, what confines it, what meters it, and what may cross.

Nothing here knows of tasks, judges or boards. `worker` is what runs inside; everything else is the parent's side, which
never imports, unpickles or parses what an entry wrote.
"""
