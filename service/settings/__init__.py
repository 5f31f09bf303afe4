"""What an operator writes down: the settings file and the environment, read and checked before anything starts."""
