"""What private fits need is there where it was promised: the other files skip without it, and would do so silently."""

import pytest


@pytest.mark.parametrize("name", ["torch", "dp-accounting"])
def test_what_was_promised_is_there(name, require):
    require(name)
