"""What the REST API and the search page answer, one file for each resource; `service/app.py` puts them together."""
