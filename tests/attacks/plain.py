"""A plain interpreter, as a careless platform would start one: it imports an entry and calls it, with no wall between.

`python plain.py CODE MODULE PARAMETERS.json [MODEL]`: prints what the entry prints and raises, and at last that the
next entry can run; a path for MODEL pickles what was fitted.
"""

import importlib
import json
import os
import pickle
import sys
import traceback


def main() -> None:
    code, module, parameters = sys.argv[1:4]
    sys.path.insert(0, code)
    with open(parameters, encoding="utf-8") as file:
        given = json.load(file)
    os.chdir(code)
    try:
        model = importlib.import_module(module).Model(**given)
        model.fit([0] * 10, ["yes", "no"] * 5)
        if len(sys.argv) > 4:
            with open(sys.argv[4], "wb") as file:
                pickle.dump(model, file)
        else:
            model.predict_proba([0] * 10)
    except Exception:
        traceback.print_exc()
    print("THE NEXT ENTRY RUNS", flush=True)


if __name__ == "__main__":
    main()
