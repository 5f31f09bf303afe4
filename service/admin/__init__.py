"""Administrators: who they are, what each may do, and the log of what they did.

In come an `Authorization` header and the keys of the settings, or the user of the operating system who runs a command;
out goes an `Administrator`, and for each act a record that is written before the act. A key never opens a reader's
query, and a reader's token opens nothing here.
"""
