"""Audits: a sample of what an index shows is held against what the source says, question by question.

    sampling.py     what whoever asks for an audit decides
    drawing.py      which questions: documents × readers, half of them evenly, half where mistakes are likely
    index_side.py   what the index shows, asked under the very filter of that reader's queries
    comparison.py   both sides asked, and asked again where they differ or the source is silent
    rereading.py    whether a difference is older than the last run, or a change that no run has read yet
    rates.py        what the sample says of all
    auditing.py     the run as a whole; reads top to bottom as above

Nothing here writes to an index, nor to what the state store holds of lists, people and documents.
"""
