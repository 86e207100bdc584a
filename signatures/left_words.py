"""The words behind what a signature leaves: of which sort it is. They are phrases, said in the reader's language; what stands before them
(a path, a name) is data, and in no language."""

from __future__ import annotations

from formats.package.names import told_name
from policies.phrases import phrase

__all__ = [
    "AROUND_PARTS",
    "ATTRIBUTES",
    "BESIDE",
    "COMMENTS",
    "EVERYTHING",
    "EXTRA_FIELD",
    "NAME",
    "NAMESPACES",
    "NAME_AND_ATTRIBUTES",
    "PART",
    "WORDS",
    "ZIP_COMMENT",
    "told",
]

NAME = f" {phrase('left-name')}"
NAME_AND_ATTRIBUTES = f" {phrase('left-name-and-attributes')}"
EVERYTHING = f" {phrase('left-everything')}"
"""Name, attributes and text: all but the elements in it."""
ATTRIBUTES = f" {phrase('left-attributes')}"
COMMENTS = f" {phrase('left-comments')}"
"""Behind the name of a file whose comments the canonical form leaves out; instructions count as such in machinery."""
NAMESPACES = f" {phrase('left-namespaces')}"
"""Behind an element or a file: what it declares prefixes in values to mean."""
PART = f" {phrase('left-part')}"
"""Behind the name of a file out of which a filter may have taken something."""

WORDS = {
    "name": NAME,
    "attributes": ATTRIBUTES,
    "text": f" {phrase('left-text')}",
    "comments": COMMENTS,
    "content": f" {phrase('left-content')}",
    "namespaces": NAMESPACES,
}

BESIDE = phrase("left-beside")
"""What a file of a signature in CMS holds around its structure."""
AROUND_PARTS = phrase("left-around-parts")
"""What a mail holds before the first and behind the last of its parts."""
ZIP_COMMENT, EXTRA_FIELD = phrase("left-zip-comment"), phrase("left-extra-field")
"""What belongs to a zip as a whole, or to none of its names."""

_ENDS = (NAME, NAME_AND_ATTRIBUTES, EVERYTHING, PART, *WORDS.values(), ZIP_COMMENT, EXTRA_FIELD, BESIDE, AROUND_PARTS)


def told(item: str) -> str:
    """What a report says of ``item``: its name as `told_name` writes it, and the word behind it."""
    end = next((each for each in _ENDS if item.endswith(each)), "")
    return told_name(item.removesuffix(end)) + end
