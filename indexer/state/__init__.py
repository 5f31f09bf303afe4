"""What syncs keep in the state store: the ledger, runs and their history, leases, positions and seals."""
