"""TALKING TO KUBERNETES. Client, reflector, leases, errors. No domain, no imports of ours."""
