"""The content model's types and aspects and the repository's words for MIME types, as far as answers depend on them."""

from __future__ import annotations

from collections.abc import Mapping

# Type -> its parent type (Alfresco's contentModel.xml, siteModel.xml, applicationModel.xml, forumModel.xml).
TYPE_PARENTS: Mapping[str, str | None] = {
    "sys:base": None,
    "cm:cmobject": "sys:base",
    "cm:content": "cm:cmobject",
    "cm:folder": "cm:cmobject",
    "cm:link": "cm:cmobject",
    "cm:dictionaryModel": "cm:content",
    "cm:savedquery": "cm:content",
    "cm:thumbnail": "cm:content",
    "cm:systemfolder": "cm:folder",
    "app:filelink": "cm:link",
    "app:folderlink": "cm:link",
    "st:sites": "cm:folder",
    "st:site": "cm:folder",
    "fm:forums": "cm:folder",
    "fm:forum": "cm:folder",
    "fm:topic": "cm:folder",
    "fm:post": "cm:content",
}

# Aspect -> its parent aspect, where it has one (contentModel.xml); a search for the parent finds it, too.
ASPECT_PARENTS: Mapping[str, str | None] = {
    "cm:dublincore": "cm:titled",
    "cm:generalclassifiable": "cm:classifiable",
    "cm:taggable": "cm:classifiable",
}

# Prefix -> namespace, of the models above; names may be written `{namespace}local`, and index tracking does.
NAMESPACES: Mapping[str, str] = {
    "app": "http://www.alfresco.org/model/application/1.0",
    "cm": "http://www.alfresco.org/model/content/1.0",
    "fm": "http://www.alfresco.org/model/forum/1.0",
    "st": "http://www.alfresco.org/model/site/1.0",
    "sys": "http://www.alfresco.org/model/system/1.0",
}

# Rendition -> the type that it is made in (renditionDefinition2 JSON files).
RENDITION_MIME_TYPES: Mapping[str, str] = {
    "avatar": "image/png",
    "avatar32": "image/png",
    "doclib": "image/png",
    "imgpreview": "image/jpeg",
    "medium": "image/jpeg",
    "pdf": "application/pdf",
}

# The bean `nodes.ignoreTypes` of public-rest-context.xml: never listed as children.
NEVER_LISTED = frozenset({"cm:systemfolder", "fm:forums", "fm:forum", "fm:topic", "fm:post"})

LINK_TYPES = frozenset({"app:filelink", "app:folderlink", "cm:link"})

# Display names of the repository's mimetype-map.xml; an unknown type is shown by its own name.
MIME_TYPE_NAMES: Mapping[str, str] = {
    "application/json": "JSON",
    "application/msword": "Microsoft Word",
    "application/octet-stream": "Binary File (Octet Stream)",
    "application/pdf": "Adobe PDF Document",
    "application/vnd.ms-excel": "Microsoft Excel",
    "application/vnd.ms-outlook": "Microsoft Outlook Message",
    "application/vnd.ms-powerpoint": "Microsoft PowerPoint",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "Microsoft PowerPoint 2007",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "Microsoft Excel 2007",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "Microsoft Word 2007",
    "application/xml": "XML",
    "application/zip": "ZIP",
    "image/jpeg": "JPEG Image",
    "image/png": "PNG Image",
    "message/rfc822": "EMail",
    "text/csv": "Comma Separated Values (CSV)",
    "text/html": "HTML",
    "text/markdown": "Markdown",
    "text/plain": "Plain Text",
    "text/xml": "XML",
}


class ContentModel:
    """The types and aspects of one repository: the standard ones and those that its custom models add."""

    def __init__(self) -> None:
        self._parents = dict(TYPE_PARENTS)
        self._aspect_parents = dict(ASPECT_PARENTS)
        self.generation = 0  # grows with every definition

    def define_type(self, name: str, parent: str) -> None:
        """Add a custom type below a known one."""
        if name in self._parents:
            raise ValueError(f"type {name!r} exists already")
        if parent not in self._parents:
            raise ValueError(f"unknown parent type {parent!r}")
        self._parents[name] = parent
        self.generation += 1

    def define_aspect(self, name: str, parent: str | None = None) -> None:
        """Add a custom aspect; one without parent needs no definition before nodes bear it."""
        if name in self._aspect_parents:
            raise ValueError(f"aspect {name!r} exists already")
        self._aspect_parents[name] = parent
        self.generation += 1

    def knows(self, node_type: str) -> bool:
        return node_type in self._parents

    def is_a(self, node_type: str, ancestor: str) -> bool:
        """Return whether `node_type` is `ancestor` or below it."""
        return _is_below(node_type, ancestor, self._parents)

    def implies_aspect(self, aspect: str, ancestor: str) -> bool:
        """Return whether `aspect` is `ancestor` or below it."""
        return _is_below(aspect, ancestor, self._aspect_parents)

    def is_container(self, node_type: str) -> bool:
        """Return whether nodes of this type can have children; a folder link cannot."""
        return self.is_a(node_type, "cm:folder")

    def holds_content(self, node_type: str) -> bool:
        """Return whether nodes of this type have content; a file link has not."""
        return self.is_a(node_type, "cm:content")

    def looks_like_folder(self, node_type: str) -> bool:
        """Return the `isFolder` of the wire: links count as what they point to."""
        return node_type == "app:folderlink" or self.is_container(node_type)

    def looks_like_file(self, node_type: str) -> bool:
        """Return the `isFile` of the wire: links count as what they point to."""
        return node_type == "app:filelink" or self.holds_content(node_type)


def _is_below(name: str, ancestor: str, parents: Mapping[str, str | None]) -> bool:
    current: str | None = name
    while current is not None:
        if current == ancestor:
            return True
        current = parents.get(current)
    return False
