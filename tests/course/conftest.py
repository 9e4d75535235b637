import pytest


@pytest.fixture(autouse=True)
def own_passport(tmp_path, monkeypatch):
    """No test writes into the passport of whoever runs it."""
    monkeypatch.setenv("LDM_LAB_PASSPORT", str(tmp_path / "passport.json"))
