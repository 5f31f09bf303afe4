"""The commands of `sightline`, one file for each thing an operator comes to do; `service/cli.py` puts them together."""
