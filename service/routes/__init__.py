"""What the REST API and the search page answer, a file for each resource; `service/http/app.py` puts them together."""
