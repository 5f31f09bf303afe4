"""The models for others to use: who may, and how their texts share the machine with searches and syncs."""
