"""Takes away the folder into which the house hands the questions."""

import os

from hostile import Hostile


class Model(Hostile):
    ends = False

    def attack(self):
        folder = os.path.join(os.path.dirname(os.getcwd()), "data")
        os.rename(folder, f"{folder}-gone")
