"""`GET /nodes/{id}/comments`."""

from __future__ import annotations

from starlette.responses import Response

from connectors.alfresco.simulator.call import Call
from connectors.alfresco.simulator.model import Comment
from connectors.alfresco.simulator.permissions import Right
from connectors.alfresco.simulator.routes.nodes import requested_node
from connectors.alfresco.simulator.routes.people import person_bean
from connectors.alfresco.simulator.wire import Bean, invalid_argument, timestamp


def list_comments(call: Call) -> Response:
    """List a file's or folder's comments, newest first."""
    node, model = requested_node(call), call.world.content_model
    if not (model.holds_content(node.node_type) or model.is_container(node.node_type)):
        raise invalid_argument(f"NodeId of a file or folder is expected: {node.id}")
    may_write = call.world.access.may(call.user, node, frozenset({Right.WRITE}))
    newest_first = sorted(node.comments, key=lambda comment: comment.created_at)[::-1]
    return call.page(newest_first, lambda comment: _comment_bean(call, comment, may_write=may_write))


def _comment_bean(call: Call, comment: Comment, *, may_write: bool) -> Bean:
    is_own = comment.author == call.user
    return Bean(
        id=comment.id,
        title=comment.title,
        content=comment.html,
        createdBy=_person(call, comment.author),
        createdAt=timestamp(comment.created_at),
        edited=comment.modified_at != comment.created_at,
        modifiedBy=_person(call, comment.modifier),
        modifiedAt=timestamp(comment.modified_at),
        canEdit=is_own or may_write,
        canDelete=is_own or may_write,
    )


def _person(call: Call, user: str) -> Bean:
    """Render the commenter; of someone whose account was deleted the id is all that is left."""
    person = call.world.directory.people.get(user)
    return Bean(id=user) if person is None else person_bean(person)
