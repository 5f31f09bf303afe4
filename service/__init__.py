"""Everything with a front door: settings, REST API, command line, search page; and the only place where rooms meet.

Read `wiring.py` first: it builds the whole system from the settings. Here a token becomes a reader, an error becomes
a status, and nothing else decides.
"""
