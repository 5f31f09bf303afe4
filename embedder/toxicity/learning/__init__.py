"""How a toxicity model is made: labelled texts are read, freed of duplicates, split, encoded, learnt and reported on.

In come files of labelled texts; out go a model and figures on texts that it has not seen. Nothing here is needed to
score; fitting and measuring need the `train` extra.
"""
