"""The comments of a node.

The raw Python client insists on the title that the OpenAPI files require and real servers leave out; for it, the
comments are given one.
"""

from __future__ import annotations

import expected
from checks import check
from foreign_client import Connect, denied, entries, ids, invalid, not_found
from office import Office


def _titled(office: Office, connect: Connect) -> dict[str, str]:
    """Return what stands in each comment besides the expected fields."""
    if connect.kind == "js":
        return {}
    for comment in office.comments:
        comment.title = "Title"
    return {"title": "Title"}


@check(only="python")
def the_client_cannot_read_comments_without_title(office: Office, connect: Connect) -> None:
    try:
        connect.basic("alice").call("comments.listComments", office.plan.id)
    except KeyError as error:
        assert error.args == ("title",)
    else:
        raise AssertionError("a title where the server has none")


@check()
def comments_come_newest_first(office: Office, connect: Connect) -> None:
    first, second, third = office.comments
    title = _titled(office, connect)
    listing = connect.basic("bob").call("comments.listComments", office.plan.id)
    assert entries(listing) == [
        {**expected.comment(office.world, third, is_editable=True), **title},
        {**expected.comment(office.world, second, is_editable=True), **title},
        {**expected.comment(office.world, first, is_editable=True), **title},
    ]
    assert [entry["edited"] for entry in entries(listing)] == [False, True, False]
    assert [entry["modifiedBy"]["id"] for entry in entries(listing)] == ["alice", "admin", "alice"]
    assert listing["list"]["pagination"] == expected.pagination(count=3, total=3)


@check()
def who_may_write_may_edit_all_comments_and_others_their_own(office: Office, connect: Connect) -> None:
    _titled(office, connect)
    office.world.add_comment(office.plan, "robot", "<p>Fourth</p>").title = "Title"
    for user, editable in (
        ("admin", [True] * 4),
        ("bob", [True] * 4),  # a collaborator
        ("alice", [True] * 4),  # the owner
        ("robot", [True, False, False, False]),  # only what it wrote itself
    ):
        listed = entries(connect.basic(user).call("comments.listComments", office.plan.id))
        assert [entry["canEdit"] for entry in listed] == editable
        assert [entry["canDelete"] for entry in listed] == editable


@check()
def comments_come_in_pages(office: Office, connect: Connect) -> None:
    _titled(office, connect)
    page = connect.basic("alice").call("comments.listComments", office.plan.id, skipCount=1, maxItems=1)
    assert ids(page) == [office.comments[1].id]
    assert page["list"]["pagination"] == expected.pagination(count=1, total=3, skip=1, maximum=1)


@check()
def a_removed_comment_is_gone(office: Office, connect: Connect) -> None:
    _titled(office, connect)
    alice = connect.basic("alice")
    office.world.remove_comment(office.plan, office.comments[2])
    assert ids(alice.call("comments.listComments", office.plan.id)) == [office.comments[1].id, office.comments[0].id]
    assert alice.call("nodes.getNode", office.plan.id)["entry"]["properties"]["fm:commentCount"] == 2


@check()
def folders_may_have_comments_and_links_not(office: Office, connect: Connect) -> None:
    alice = connect.basic("alice")
    assert entries(alice.call("comments.listComments", office.handbook.id)) == []
    with invalid():
        alice.call("comments.listComments", office.named("plan link").id)
    with denied():
        alice.call("comments.listComments", office.named("denied.txt").id)
    with not_found("nowhere"):
        alice.call("comments.listComments", "nowhere")


@check(only="js")
def a_commenter_who_is_gone_is_a_mere_id(office: Office, connect: Connect) -> None:
    office.world.remove_authority("alice")
    listed = entries(connect.basic("bob").call("comments.listComments", office.plan.id))
    assert listed[0]["createdBy"] == {"id": "alice"}
