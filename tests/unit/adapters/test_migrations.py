"""A released migration never changes: existing databases were made with its text."""

from adapters.postgres.versions import PARTS, migrations

RELEASED = {
    "log/0001_log": "9fd87ec80996093acac1a15292c949d8b5f3d432a033689ce52ffccfa63b86d7",
    "log/0002_keys": "5985f1c6882535c91653799a3d2a48f0c6926b0fb81f81c3ab5c2e732deaf027",
    "log/0003_privileges": "bc6efb5d73f44fbb1004f980bcb4396e86c826f1d7a588a27fdd3028a65b11c1",
    "log/0004_payloads": "8f3b533d462ec0eb96e92d30de1d8de79489339756e3a0241cb275ad4fbff4c7",
    "log/0005_erasure": "903912fdb8c2bd15cc103b1e1c695c53ed1ca8a6715e98ac19e46f92ad933c72",
    "views/0001_sagas": "c1f6dddfec94c8d8154667418bcbe91034d6f80e558adc39f9af68d81544e93d",
    "views/0002_views": "526dfe5a3657db6c5022f106efe0ab38c59d4692644da4e56eab42f4062d2b1d",
    "views/0003_street": "b97f850c24586b99623eeaea0a470a205056934d6c446f5bc5965d623fffa64f",
    "views/0004_workers": "97c50a711f19d4018cdd29629f86679d89e29d06328e52432082d53a5fb4424e",
}
"""part/file -> SHA-256 of its text. Add a line for a new file; never change one."""


def test_released_migrations_are_as_they_were_released() -> None:
    found = {f"{part}/{m.name}": m.hash for part in PARTS for m in migrations(part)}
    assert found == RELEASED
