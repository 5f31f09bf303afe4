"""Text to terms: languages, scripts without blanks, identifiers, places."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.search.analysis import ALGORITHMS, MAX_WORD, Analyzer, analyzer
from indexer.search.stop_words import stop_words

ENGLISH = analyzer()

texts = st.text(max_size=80) | st.lists(
    st.sampled_from(["Café", "東京都", "INC-04711", "a.b", "ﬁ", "½", "हिन्दी", "İ", "ß", "-", "_", "\ud800", "ｶﾞ"]),
    max_size=12,
).map("".join)


@pytest.mark.parametrize(
    ("language", "forms"),
    [
        ("en", ["budget", "Budgets", "budgeting", "BUDGETED"]),
        ("de", ["Vertrag", "Verträge", "Verträgen", "Vertrags"]),
        ("fr", ["contrat", "contrats", "CONTRATS"]),
        ("es", ["canción", "canciones", "cancion"]),
        ("pt", ["contrato", "contratos"]),
        ("it", ["contratto", "contratti"]),
        ("nl", ["contract", "contracten"]),
    ],
)
def test_the_forms_of_a_word_are_one_term_in_its_language(language: str, forms: list[str]) -> None:
    assert len({*Analyzer([language]).terms(" ".join(forms))}) == 1
    assert len({*Analyzer([language, "en"]).terms(" ".join(forms))}) == 1


def test_without_languages_words_are_folded_alone() -> None:
    assert Analyzer([]).terms("Running Çafés") == ["running", "cafes"]


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("CAFÉ", "cafe"),
        ("Straße", "STRASSE"),
        ("ﬁnal", "final"),
        ("ＡＢＣ", "abc"),
        ("İstanbul", "istanbul"),
        ("Ёлка", "елка"),
    ],
)
def test_case_accents_and_compatibility_forms_do_not_tell_words_apart(text: str, same: str) -> None:
    assert ENGLISH.terms(text) == ENGLISH.terms(same)


def test_scripts_without_blanks_are_pairs_and_every_character_begins_a_term() -> None:
    assert ENGLISH.terms("東京都庁 第3回") == ["東京", "京都", "都庁", "庁", "第", "3", "回"]
    assert [token.term for token in ENGLISH.query_tokens("東京都庁 京")] == ["東京", "京都", "都庁", "京"]


def test_identifiers_are_kept_whole_beside_their_parts() -> None:
    analysed = ENGLISH.analysed("See INC-04711 in report_v2.final.docx, well-known to Ann@Example.org.")
    assert analysed.terms[1:3] == ("inc", "04711")
    assert analysed.words == {"inc-04711", "report_v2.final.docx", "ann@example.org", "example"}


def test_a_longer_word_is_known_by_its_beginning() -> None:
    assert ENGLISH.terms("x" * 50_000) == ["x" * MAX_WORD]


@settings(max_examples=300, deadline=None)
@given(texts)
def test_terms_words_and_tokens_agree_and_survive_being_joined_by_blanks(text: str) -> None:
    analysed = ENGLISH.analysed(text)
    tokens = list(ENGLISH.tokens(text))
    assert list(analysed.terms) == ENGLISH.terms(text) == [token.term for token in tokens]
    assert {token.word for token in tokens} <= analysed.words | set(analysed.terms)
    assert " ".join(analysed.terms).split(" ") == list(analysed.terms) or not analysed.terms
    assert all(term and term.replace("\n", "").isprintable() and " " not in term for term in analysed.terms)


@settings(max_examples=300, deadline=None)
@given(texts)
def test_places_are_those_of_the_words(text: str) -> None:
    for token in ENGLISH.tokens(text):
        assert 0 <= token.start < token.end <= len(text)
        assert token.word in {each.word for each in ENGLISH.tokens(text[token.start : token.end])}


@settings(max_examples=200, deadline=None)
@given(texts)
def test_a_text_in_upper_case_has_the_same_terms(text: str) -> None:
    if text.upper().lower() == text.lower():
        assert ENGLISH.terms(text.upper()) == ENGLISH.terms(text.lower())


def test_stop_words_are_folded_and_every_big_language_has_some() -> None:
    for language in ("en", "de", "fr", "es", "pt", "it", "nl"):
        assert len(stop_words(language)) > 80
        assert language in ALGORITHMS
    assert Analyzer(["de"]).is_stop_word("fur")
    assert not Analyzer(["de"]).is_stop_word("the")


def test_tokens_of_some_terms_are_those_among_all_tokens() -> None:
    text = "Managers manage 東京都 and INC-04711, the managed."
    analysis = analyzer()
    for terms in ({"manag"}, {"東京", "04711"}, set()):
        assert list(analysis.tokens_of(text, terms)) == [each for each in analysis.tokens(text) if each.term in terms]
