"""Which nodes an expression of the search language means, in one view of the repository.

Texts are compared by their words without case, as an analysed field is; an exact match compares the whole value as it
is written. A name that the models do not know is no error: nothing matches it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from fnmatch import fnmatchcase
from typing import TypeAlias

from connectors.alfresco.simulator.afts import TEXT, And, Everything, Expression, Not, Or, Range, Term, qualified
from connectors.alfresco.simulator.content_model import ContentModel
from connectors.alfresco.simulator.model import Node
from connectors.alfresco.simulator.node_path import nodes_on_path
from connectors.alfresco.simulator.node_view import NodeView, aspects
from connectors.alfresco.simulator.property_values import PropertyRange, as_written, property_values, says

Predicate: TypeAlias = Callable[[Node], bool]

STORE = "workspace://SpacesStore/"

_TEXT_PROPERTIES = ("cm:name", "cm:title", "cm:description", "cm:content")  # what TEXT expands to


class Matcher:
    """Turns expressions into tests on the nodes of one view; a test holds for as long as the view does not change."""

    def __init__(self, view: NodeView, model: ContentModel, site_folders: Mapping[str, str]) -> None:
        self._view = view
        self._model = model
        self._site_folders = site_folders
        self._fields: Mapping[str, Callable[[str], Predicate]] = {
            "TYPE": self._of_type,
            "EXACTTYPE": lambda name: lambda node: node.node_type == qualified(name),
            "ASPECT": self._with_aspect,
            "EXACTASPECT": lambda name: lambda node: qualified(name) in aspects(node),
            "PARENT": self._child_of,
            "PRIMARYPARENT": lambda ref: lambda node: node.parent_id == _node_id(ref),
            "ANCESTOR": lambda ref: self._one_of(self._below(_node_id(ref))),
            "PATH": lambda path: self._one_of(nodes_on_path(self._view, path)),
            "SITE": self._in_site,
            "ID": lambda ref: lambda node: node.id == _node_id(ref),
            TEXT: self._says_anywhere,
        }

    def test(self, expression: Expression) -> Predicate:
        """Return the test for an expression."""
        match expression:
            case Everything():
                return lambda _: True
            case Term():
                return self._term(expression)
            case Range():
                return self._range(expression)
            case And():
                every = [self.test(part) for part in expression.parts]
                return lambda node: all(holds(node) for holds in every)
            case Or():
                some = [self.test(part) for part in expression.parts]
                return lambda node: any(holds(node) for holds in some)
            case Not():
                holds = self.test(expression.part)
                return lambda node: not holds(node)

    def _term(self, term: Term) -> Predicate:
        if term.field in self._fields:
            return self._fields[term.field](term.text)
        field, text = term.field, term.text
        if text == "*":
            return lambda node: bool(property_values(node, field))
        if term.is_exact:
            return lambda node: any(as_written(value, text) for value in property_values(node, field))
        return lambda node: any(says(value, text) for value in property_values(node, field))

    def _range(self, wanted: Range) -> Predicate:
        bounds = PropertyRange(wanted)
        return lambda node: any(bounds.holds(value) for value in property_values(node, wanted.field))

    def _of_type(self, name: str) -> Predicate:
        wanted = qualified(name)
        if "*" in wanted:
            return lambda node: fnmatchcase(node.node_type, wanted)
        return lambda node: self._model.is_a(node.node_type, wanted)

    def _with_aspect(self, name: str) -> Predicate:
        wanted = qualified(name)
        if "*" in wanted:
            return lambda node: any(fnmatchcase(aspect, wanted) for aspect in aspects(node))
        return lambda node: any(self._model.implies_aspect(aspect, wanted) for aspect in aspects(node))

    def _child_of(self, reference: str) -> Predicate:
        folder_id = _node_id(reference)
        return lambda node: (
            folder_id is not None and (node.parent_id == folder_id or folder_id in node.secondary_parents)
        )

    def _in_site(self, site_id: str) -> Predicate:
        folder_id = self._site_folders.get(site_id)
        return self._one_of({folder_id, *self._below(folder_id)})

    def _says_anywhere(self, text: str) -> Predicate:
        return lambda node: any(says(value, text) for name in _TEXT_PROPERTIES for value in property_values(node, name))

    def _one_of(self, node_ids: Set[str | None]) -> Predicate:
        return lambda node: node.id in node_ids

    def _below(self, folder_id: str | None) -> set[str]:
        """Return all that the folder leads to, through primary and secondary children."""
        found: set[str] = set()
        waiting = [folder_id] if folder_id in self._view.nodes else []
        while waiting:
            for child in self._view.children(self._view.nodes[waiting.pop()]):
                if child.id not in found:
                    found.add(child.id)
                    waiting.append(child.id)
        return found


def _node_id(reference: str) -> str | None:
    """Return the id in a node reference; a bare id is none."""
    return reference.removeprefix(STORE) if reference.startswith(STORE) else None
