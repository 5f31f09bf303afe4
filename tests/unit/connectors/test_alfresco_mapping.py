"""Recorded shapes of nodes, comments and people, odd ones first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import TypeAdapter

from connectors.alfresco.fields import COMMON_FIELDS, FieldMappings, FieldType, mapped_fields
from connectors.alfresco.html_text import html_to_text
from connectors.alfresco.mapping import attributes, comment, content_version, document, person, site_of
from connectors.alfresco.wire.records import CommentRecord, Node, NodePath, PersonRecord
from vocabulary.access import Principal

PLAN: dict[str, Any] = {
    "id": "0a1b",
    "name": "plan.docx",
    "nodeType": "cm:content",
    "isFolder": False,
    "isFile": True,
    "createdAt": "2024-05-01T09:30:00.123+0000",
    "createdByUser": {"id": "alice", "displayName": "Alice A"},
    "modifiedAt": "2024-05-02T12:00:00.000+0200",
    "modifiedByUser": {"id": "bob"},
    "parentId": "9f",
    "content": {"mimeType": "application/pdf", "mimeTypeName": "PDF", "sizeInBytes": 4711, "encoding": "UTF-8"},
    "aspectNames": ["cm:auditable", "cm:titled"],
    "properties": {
        "cm:title": "Plan",
        "cm:versionLabel": "1.2",
        "cm:owner": {"id": "carol", "displayName": "Carol C"},
        "cm:taggable": ["one", "two", None, {"displayName": "three"}],
        "acme:due": "2024-06-01T00:00:00.000+0000",
        "acme:text": "2024-06-01",
        "acme:amount": 12.5,
        "acme:open": True,
        "acme:empty": {},
        "odd": "no prefix",
    },
    "path": {
        "name": "/Company Home/Sites/hr/documentLibrary",
        "elements": [{"id": "1", "name": "Sites", "nodeType": "st:sites"}, {"name": "hr", "nodeType": "st:site"}],
    },
}


def plan(**changes: Any) -> Node:
    return Node.model_validate(PLAN | changes)


def test_a_node_becomes_a_document() -> None:
    found = document(plan(), source="onprem", access=None, comments=(), share_url="https://share.example.com")
    assert str(found.id) == "onprem/0a1b"
    assert (found.title, found.path) == ("plan.docx", "/Company Home/Sites/hr/documentLibrary")
    assert found.uri == "https://share.example.com/share/page/document-details?nodeRef=workspace://SpacesStore/0a1b"
    assert (found.mime_type, found.size_bytes) == ("application/pdf", 4711)
    assert found.modified_at == datetime(2024, 5, 2, 10, tzinfo=UTC)
    assert found.acl is None
    assert found.owner == Principal.user("onprem", "carol")


def test_attributes_have_common_names_and_properties_their_own() -> None:
    assert attributes(plan()) == {
        "type": "pdf",
        "mime_type": "application/pdf",
        "node_type": "cm:content",
        "site": "hr",
        "author": "Alice A",
        "author_id": "alice",
        "modified_by": "bob",
        "modified_by_id": "bob",
        "owner": "Carol C",
        "owner_id": "carol",
        "version": "1.2",
        "created_at": datetime(2024, 5, 1, 9, 30, 0, 123000, tzinfo=UTC),
        "modified_at": datetime(2024, 5, 2, 10, tzinfo=UTC),
        "size_bytes": 4711,
        "path": "/Company Home/Sites/hr/documentLibrary",
        "aspects": ("cm:auditable", "cm:titled"),
        "cm:title": "Plan",
        "cm:versionLabel": "1.2",
        "cm:owner": "Carol C",
        "cm:taggable": ("one", "two", "three"),
        "acme:due": datetime(2024, 6, 1, tzinfo=UTC),
        "acme:text": "2024-06-01",
        "acme:amount": 12.5,
        "acme:open": True,
    }


def test_attributes_have_the_types_that_every_document_gives_them() -> None:
    def kind(value: Any) -> FieldType:
        return {int: FieldType.INTEGER, datetime: FieldType.DATE}.get(type(value), FieldType.KEYWORD)

    common = {name: value for name, value in attributes(plan()).items() if ":" not in name}
    assert {name: kind(value) for name, value in common.items()} == COMMON_FIELDS


def test_the_owner_is_named_as_ownership_is_decided() -> None:
    ownable = {"aspectNames": ["cm:ownable"]}
    cases = [
        ({"properties": {}}, ("alice", "Alice A")),
        ({"properties": {"cm:owner": "dave"}}, ("dave", "dave")),
        ({"properties": {}} | ownable, (None, None)),
        ({"properties": {}, "createdByUser": None}, (None, None)),
    ]
    for changes, expected in cases:
        found = attributes(plan(**changes))
        assert (found.get("owner_id"), found.get("owner")) == expected


def test_several_values_keep_their_kinds() -> None:
    values = {"acme:n": [1, 2.5], "acme:when": ["2024-06-01T00:00:00.000+0000"], "acme:none": [None, ""]}
    found = attributes(plan(properties=values))
    assert (found["acme:n"], found["acme:when"]) == ((1, 2.5), (datetime(2024, 6, 1, tzinfo=UTC),))
    assert found["acme:none"] == ()


def test_fields_feed_attributes_and_a_lost_value_is_told() -> None:
    mappings = TypeAdapter(FieldMappings).validate_python(
        {
            "cm:title": "author",
            "acme:text": {"to": "due", "type": "date"},
            "acme:open": {"to": "level", "type": "float"},
        }
    )
    found = document(
        plan(), source="s", access=None, comments=(), share_url="https://a", fields=mapped_fields(mappings)
    )
    assert (found.attributes["author"], found.attributes["due"]) == ("Plan", datetime(2024, 6, 1, tzinfo=UTC))
    assert "level" not in found.attributes
    assert found.attributes["cm:title"] == "Plan"
    assert found.warnings == ("field-type: level",)


def test_what_people_write_about_a_file_and_texts_of_the_settings_are_searched() -> None:
    mappings = TypeAdapter(FieldMappings).validate_python(
        {"acme:summary": {"to": "summary", "type": "text"}, "acme:text": {"to": "code", "type": "keyword"}}
    )
    fields = mapped_fields(mappings)
    found = document(plan(), source="s", access=None, comments=(), share_url="https://a", fields=fields)
    assert found.searched == ("cm:title", "summary")
    assert document(Node(id="x"), source="s", access=None, comments=(), share_url="https://a").searched == ()


def test_a_node_with_almost_nothing_is_still_a_document() -> None:
    found = document(Node(id="x"), source="s", access=None, comments=(), share_url="https://a.example.com")
    assert (found.content_version, found.size_bytes, found.modified_at, found.owner) == (None, None, None, None)
    assert found.mime_type == "application/octet-stream"


def test_lost_content_has_no_version_and_an_empty_file_has_one() -> None:
    assert content_version(plan(content=None)) is None
    assert content_version(plan(content={"mimeType": "text/plain", "sizeInBytes": 0})) is not None


def test_the_version_follows_time_and_size_and_not_their_spelling() -> None:
    versions = {
        content_version(plan()),
        content_version(plan(modifiedAt="2024-05-02T10:00:00Z")),
        content_version(plan(modifiedAt="2024-05-02T10:00:00.000+00:00")),
    }
    assert len(versions) == 1
    assert content_version(plan(modifiedAt="2024-05-02T10:00:00.001Z")) not in versions
    assert content_version(plan(content={"sizeInBytes": 4712})) not in versions


@pytest.mark.parametrize(
    ("types", "site"),
    [
        (["cm:folder", "st:sites", "st:site", "cm:folder"], "2"),
        (["cm:folder", "st:sites", "rma:rmsite", "rma:filePlan"], "2"),
        (["st:site", "cm:folder"], "0"),
        (["cm:folder", "st:sites"], None),
        (["cm:folder", "cm:folder"], None),
        ([], None),
    ],
)
def test_a_site_is_what_lies_in_the_folder_of_sites_whatever_its_type(types: list[str], site: str | None) -> None:
    elements = [{"id": str(place), "name": str(place), "nodeType": kind} for place, kind in enumerate(types)]
    assert site_of(NodePath.model_validate({"elements": elements})) == site


def test_outside_sites_there_is_no_site() -> None:
    assert site_of(None) is None
    assert "site" not in attributes(plan(path={"name": "/Company Home/Shared"}))


@pytest.mark.parametrize("text", ["2024-02-30T00:00:00.000+0000", "2024-06-01T00:00:00.000+0000 or later"])
def test_what_only_resembles_a_date_stays_text(text: str) -> None:
    assert attributes(plan(properties={"acme:x": text}))["acme:x"] == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One</p><p>Two <b>bold</b>ly</p>", "One\nTwo boldly"),
        ("a<br>b<br/>c", "a\nb\nc"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ("1 &lt; 2 &amp;&nbsp;3", "1 < 2 & 3"),
        ("<script>alert(1)</script>seen<style>p{}</style>", "seen"),
        ("<p>unclosed <i>tags", "unclosed tags"),
        ("no\nmark-up  at all", "no mark-up at all"),
        ("", ""),
    ],
)
def test_comments_lose_their_markup_and_keep_their_lines(html: str, text: str) -> None:
    assert html_to_text(html) == text


def test_a_comment_names_its_author() -> None:
    record = {"id": "c1", "content": "<p>Done</p>", "createdAt": "2024-05-02T10:00:00.000+0000"}
    author = {"id": "alice", "firstName": "Alice", "lastName": "A"}
    found = comment(CommentRecord.model_validate(record | {"createdBy": author}))
    assert (found.native_id, found.author, found.text) == ("c1", "Alice A", "Done")
    assert found.modified_at == datetime(2024, 5, 2, 10, tzinfo=UTC)


def test_people_keep_what_the_server_says_of_them() -> None:
    record = {"id": "Alice", "firstName": "Alice", "enabled": False, "capabilities": {"isAdmin": True}}
    found = person(PersonRecord.model_validate(record), source="onprem")
    assert found.principal == Principal.user("onprem", "Alice")
    assert (found.email, found.display_name) == (None, "Alice")
    assert (found.enabled, found.is_administrator, found.is_guest) == (False, True, False)
    assert person(PersonRecord(id="guest"), source="onprem").is_guest


def test_whoever_is_not_said_to_be_enabled_is_not() -> None:
    """The field is required: a server that drops it must not open the accounts of leavers."""
    record = PersonRecord.model_validate({"id": "zoe", "email": "zoe@example.com"})
    assert not person(record, source="onprem").enabled
