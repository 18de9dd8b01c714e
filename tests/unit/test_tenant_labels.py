"""How many tenants and keys metrics tell apart."""

from smoothgen.process.tenant_labels import OTHERS, UNNAMED, TenantLabels


def test_a_process_tells_200_pairs_apart_and_knows_them_for_good() -> None:
    labels = TenantLabels()
    pairs = [("clinic", f"key-{n}") for n in range(199)] + [("lawfirm", None)]
    assert [labels.of(*pair) for pair in pairs] == [(tenant, key or "") for tenant, key in pairs]
    assert labels.of("clinic", "one-more") == OTHERS
    assert labels.of("clinic", "key-0") == ("clinic", "key-0")
    assert labels.of(None, "a-key-of-a-tenant-that-is-not-shown") == UNNAMED
