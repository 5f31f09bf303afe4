"""What a run does in each mode, once it has its lease: each module walks, deletes or hides, and says how it ended."""
