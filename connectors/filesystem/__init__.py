"""A folder of files on this machine: the smallest complete connector, and the one to copy for a new source.

In come a root folder and, optionally, a file of people and groups; out go files with the access that `.access.toml`
files give them. It never follows a symbolic link, and a file that no `.access.toml` speaks for is hidden.
"""

from connectors.filesystem.config import FilesystemConfig
from connectors.filesystem.connector import FilesystemConnector

__all__ = ["FilesystemConfig", "FilesystemConnector"]
