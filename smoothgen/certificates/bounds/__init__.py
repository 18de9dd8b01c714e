"""The arithmetic of the claims: theorems, bands, looks, the radius, and outward rounding."""
