"""How toxic a text is, told from the pass that embeds it: the head, what trains it, and the one that is shipped."""
