"""The state store as a whole: opened, brought up to date, and told apart from a database that does not answer."""
