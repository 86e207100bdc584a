"""The objects of the document: limits, filters, external objects, graphics states, actions, annotations, forms, layers, attachments."""

from __future__ import annotations

import io
from typing import Any

import pikepdf

from formats.validate.pdfa.subject import Subject, claim_of, dictionaries, name, true, xmp_of

__all__ = ["check_structure"]

LONGEST_NAME = 127
LONGEST_STRING = (65_535, 32_767)
MOST_ENTRIES, MOST_ITEMS = 4_095, 8_191
LARGEST_INTEGER = 2**31 - 1
MOST_OBJECTS = 8_388_607
MOST_COLORANTS = (8, 32)
SMALLEST_PAGE, LARGEST_PAGE = 3, 14_400

RENDERING_INTENTS = {"RelativeColorimetric", "AbsoluteColorimetric", "Perceptual", "Saturation"}
BLEND_MODES = {
    *("Normal", "Compatible", "Multiply", "Screen", "Overlay", "Darken", "Lighten", "ColorDodge", "ColorBurn", "HardLight"),
    *("SoftLight", "Difference", "Exclusion", "Hue", "Saturation", "Color", "Luminosity"),
}
FORBIDDEN_ACTIONS = {"Launch", "Sound", "Movie", "ResetForm", "ImportData", "JavaScript"}
FORBIDDEN_ACTIONS_2 = FORBIDDEN_ACTIONS | {"Hide", "SetOCGState", "Rendition", "Trans", "GoTo3DView"}
OBSOLETE_ACTIONS = {"set-state", "no-op", "SetState", "NoOp"}
NAMED_ACTIONS = {"NextPage", "PrevPage", "FirstPage", "LastPage"}
ANNOTATIONS = {
    *("Text", "Link", "FreeText", "Line", "Square", "Circle", "Highlight", "Underline", "Squiggly", "StrikeOut", "Stamp", "Ink"),
    *("Popup", "Widget", "PrinterMark", "TrapNet"),
}
ANNOTATIONS_2 = ANNOTATIONS | {"Polygon", "PolyLine", "Caret", "FileAttachment", "Watermark", "Redact"}

INVISIBLE, HIDDEN, PRINT, NO_VIEW, TOGGLE_NO_VIEW = 1, 2, 4, 32, 256


def check_structure(subject: Subject) -> None:
    """Every dictionary and stream by what it is, then what hangs on the catalog."""
    if len(subject.pdf.objects) > MOST_OBJECTS:
        subject.add(("6.1.12", "6.1.13"), f"more than {MOST_OBJECTS} indirect objects")
    for each in dictionaries(subject.pdf):
        _limits(subject, each)
        _action(subject, each)
        if isinstance(each, pikepdf.Stream):
            _stream(subject, each)
        for state in _graphics_states(each):
            _graphics_state(subject, state)
    for number, page in enumerate(subject.pdf.pages, 1):
        _page(subject, page.obj, number)
    _catalog(subject)
    _form(subject)
    _layers(subject)
    _attachments(subject)


def _values(value: Any) -> list[Any]:
    if isinstance(value, pikepdf.Dictionary):
        return [each for _, each in value.items() if isinstance(each, pikepdf.Dictionary | pikepdf.Stream)]
    if isinstance(value, pikepdf.Array):
        return [each for each in value if isinstance(each, pikepdf.Dictionary | pikepdf.Stream)]
    return []


def _limits(subject: Subject, each: Any) -> None:
    clause = ("6.1.12", "6.1.13")
    if subject.part == 1 and len(each.keys()) > MOST_ENTRIES:
        subject.add(clause, f"a dictionary has more than {MOST_ENTRIES} entries")
    for key, value in each.items():
        if len(key.encode("utf-8", "surrogateescape")) - 1 > LONGEST_NAME:
            subject.add(clause, f"a name is longer than {LONGEST_NAME} bytes")
        _limit(subject, value, 0)


def _limit(subject: Subject, value: Any, depth: int) -> None:
    clause = ("6.1.12", "6.1.13")
    if isinstance(value, bool):
        return
    if isinstance(value, int):
        if not -LARGEST_INTEGER - 1 <= value <= LARGEST_INTEGER:
            subject.add(clause, "a whole number is out of range")
    elif isinstance(value, pikepdf.String):
        if len(bytes(value)) > LONGEST_STRING[subject.part > 1]:
            subject.add(clause, f"a string is longer than {LONGEST_STRING[subject.part > 1]} bytes")
    elif isinstance(value, pikepdf.Name):
        if len(str(value).encode("utf-8", "surrogateescape")) - 1 > LONGEST_NAME:
            subject.add(clause, f"a name is longer than {LONGEST_NAME} bytes")
    elif isinstance(value, pikepdf.Array) and not value.is_indirect and depth < 10:
        _limit_array(subject, value, depth)


def _limit_array(subject: Subject, value: Any, depth: int) -> None:
    if subject.part == 1 and len(value) > MOST_ITEMS:
        subject.add(("6.1.12", "6.1.13"), f"an array has more than {MOST_ITEMS} items")
    if len(value) and name(value[0]) == "DeviceN" and len(value) > 1 and isinstance(value[1], pikepdf.Array):
        most = MOST_COLORANTS[subject.part > 1]
        if len(value[1]) > most:
            subject.add(("6.1.12", "6.1.13"), f"a DeviceN colour space has more than {most} colorants")
    for item in value:
        _limit(subject, item, depth + 1)


def _stream(subject: Subject, stream: Any) -> None:
    if any(key in stream for key in ("/F", "/FFilter", "/FDecodeParms")):
        subject.add(("6.1.7", "6.1.7.1"), "a stream lies outside of the file (F, FFilter, FDecodeParms)")
    filters = stream.get("/Filter")
    names = [name(filters)] if isinstance(filters, pikepdf.Name) else [name(each) for each in filters or ()]
    if {"LZWDecode", "LZW"} & set(names):
        subject.add(("6.1.10", "6.1.7.2"), "a stream is compressed with LZW")
    if "Crypt" in names:
        subject.add(("6.1.10", "6.1.7.2"), "a stream is encrypted")
    match name(stream.get("/Subtype")):
        case "Image":
            _image(subject, stream)
        case "Form":
            if "/OPI" in stream or "/PS" in stream or name(stream.get("/Subtype2")) == "PS":
                subject.add(("6.2.5", "6.2.9"), "a form XObject has OPI or PostScript")
            if "/Ref" in stream:
                subject.add(("6.2.6", "6.2.9"), "a form XObject refers to another file")
            if subject.part == 1:
                _group(subject, stream)
        case "PS":
            subject.add(("6.2.7", "6.2.9"), "there is a PostScript XObject")


def _image(subject: Subject, image: Any) -> None:
    if "/Alternates" in image:
        subject.add(("6.2.4", "6.2.8"), "an image has alternates")
    if "/OPI" in image:
        subject.add(("6.2.4", "6.2.8"), "an image has OPI")
    if true(image.get("/Interpolate")):
        subject.add(("6.2.4", "6.2.8"), "an image asks for interpolation")
    intent = image.get("/Intent")
    if intent is not None and name(intent) not in RENDERING_INTENTS:
        subject.add(("6.2.9", "6.2.6"), f"there is no rendering intent {intent}")
    mask = image.get("/SMask")
    if subject.part == 1 and mask is not None and name(mask) != "None":
        subject.add(("6.4", ""), "an image has a soft mask (transparency)")
    if subject.part == 1 and "JPXDecode" in str(image.get("/Filter", "")):
        subject.add(("6.1.10", ""), "an image is JPEG 2000, which PDF 1.4 does not know")


def _group(subject: Subject, owner: Any) -> None:
    group = owner.get("/Group")
    if isinstance(group, pikepdf.Dictionary) and name(group.get("/S")) == "Transparency":
        subject.add(("6.4", ""), "there is a transparency group")


def _graphics_states(each: Any) -> list[Any]:
    """Those that a dictionary is or refers to. They are known by their place, and not by their entries: TR is also a row of a table in the
    map of roles, and the function of a soft mask."""
    resources, pattern = each.get("/Resources"), each.get("/ExtGState")
    found = [each] if name(each.get("/Type")) == "ExtGState" else []
    if isinstance(resources, pikepdf.Dictionary):
        found += _values(resources.get("/ExtGState"))
    if each.get("/PatternType") == 2 and isinstance(pattern, pikepdf.Dictionary):
        found.append(pattern)
    return found


def _graphics_state(subject: Subject, state: Any) -> None:
    clause = ("6.2.8", "6.2.5")
    if "/TR" in state:
        subject.add(clause, "a graphics state has a transfer function (TR)")
    if "/TR2" in state and name(state["/TR2"]) != "Default":
        subject.add(clause, "a graphics state has a transfer function (TR2)")
    if "/RI" in state and name(state["/RI"]) not in RENDERING_INTENTS:
        subject.add(("6.2.9", "6.2.6"), f"there is no rendering intent {state['/RI']}")
    blend = state.get("/BM")
    modes = {name(blend)} if isinstance(blend, pikepdf.Name) else {name(each) for each in blend or ()}
    if subject.part == 1:
        if "/SMask" in state and name(state["/SMask"]) != "None":
            subject.add(("6.4", ""), "a graphics state has a soft mask")
        if modes - {"Normal", "Compatible"}:
            subject.add(("6.4", ""), "a graphics state has a blend mode")
        for key in ("/CA", "/ca"):
            if float(state.get(key, 1)) != 1.0 and name(state.get("/Type")) in ("", "ExtGState"):
                subject.add(("6.4", ""), f"a graphics state has an opacity ({key[1:]}) below 1")
        return
    if "/HTP" in state:
        subject.add(clause, "a graphics state has HTP")
    if modes - BLEND_MODES:
        subject.add(("", "6.2.10"), "a graphics state has a blend mode that is none")
    halftone = state.get("/HT")
    if isinstance(halftone, pikepdf.Dictionary | pikepdf.Stream):
        if halftone.get("/HalftoneType") not in (1, 5):
            subject.add(clause, "a halftone is neither of type 1 nor of type 5")
        if "/HalftoneName" in halftone:
            subject.add(clause, "a halftone has a name")


def _action(subject: Subject, each: Any) -> None:
    kind = name(each.get("/S"))
    if not kind or name(each.get("/Type")) in ("StructElem", "Trans", "OutputIntent", "Group"):
        return
    forbidden = FORBIDDEN_ACTIONS if subject.part == 1 else FORBIDDEN_ACTIONS_2
    if kind in forbidden or kind in OBSOLETE_ACTIONS:
        subject.add(("6.6.1", "6.5.1"), f"there is an action {kind}")
    if kind == "Named" and name(each.get("/N")) not in NAMED_ACTIONS:
        subject.add(("6.6.1", "6.5.1"), f"there is a named action {each.get('/N')}")


def _page(subject: Subject, page: Any, number: int) -> None:
    if "/AA" in page:
        subject.add(("6.6.2", "6.5.2"), f"page {number} has additional actions (AA)")
    if subject.part == 1:
        _group(subject, page)
    else:
        if "/PresSteps" in page:
            subject.add(("", "6.10"), f"page {number} has presentation steps")
        for box in ("/MediaBox", "/CropBox", "/TrimBox", "/BleedBox", "/ArtBox"):
            _box(subject, page.get(box), number)
    for annotation in _values(page.get("/Annots")):
        _annotation(subject, annotation)


def _box(subject: Subject, box: Any, number: int) -> None:
    if not isinstance(box, pikepdf.Array) or len(box) != 4:
        return
    left, bottom, right, top = (float(value) for value in box)
    for side in (abs(right - left), abs(top - bottom)):
        if not SMALLEST_PAGE <= side <= LARGEST_PAGE:
            subject.add(("", "6.1.13"), f"a side of page {number} is {side:g} units long, outside of 3 to 14,400")


def _annotation(subject: Subject, annotation: Any) -> None:
    kind = name(annotation.get("/Subtype"))
    if kind not in (ANNOTATIONS if subject.part == 1 else ANNOTATIONS_2):
        subject.add(("6.5.2", "6.3.1"), f"there is an annotation of the type {kind or 'none'}")
    flags = annotation.get("/F")
    clause = ("6.5.3", "6.3.2")
    if flags is None:
        if subject.part == 1 or kind != "Popup":
            subject.add(clause, f"an annotation {kind} has no flags (F)")
    elif isinstance(flags, int):
        wrong = INVISIBLE | HIDDEN | NO_VIEW | (TOGGLE_NO_VIEW if subject.part > 1 else 0)
        if not flags & PRINT or flags & wrong:
            subject.add(clause, f"an annotation {kind} would not be shown and printed (F is {flags})")
    opacity = annotation.get("/CA")
    if subject.part == 1 and opacity is not None and float(opacity) != 1.0:
        subject.add(clause, f"an annotation {kind} has an opacity below 1")
    if kind == "Widget" and ("/A" in annotation or "/AA" in annotation):
        subject.add(("6.6.2", "6.4.1"), "a widget has an action")
    _appearance(subject, annotation, kind)


def _appearance(subject: Subject, annotation: Any, kind: str) -> None:
    clause = ("6.5.3", "6.3.3")
    appearance = annotation.get("/AP")
    if appearance is None:
        rectangle = [float(value) for value in annotation.get("/Rect", ())]
        empty = len(rectangle) == 4 and rectangle[:2] == rectangle[2:]
        if subject.part > 1 and kind not in ("Popup", "Link") and not empty:
            subject.add(clause, f"an annotation {kind} has no appearance")
        return
    if set(appearance.keys()) != {"/N"}:
        subject.add(clause, f"the appearance of an annotation {kind} has other keys than N")
        return
    parent = annotation.get("/Parent")
    field = name(annotation.get("/FT")) or (name(parent.get("/FT")) if isinstance(parent, pikepdf.Dictionary) else "")
    button = kind == "Widget" and field == "Btn"
    normal = appearance["/N"]
    if button != (isinstance(normal, pikepdf.Dictionary) and not isinstance(normal, pikepdf.Stream)):
        subject.add(clause, f"the appearance of an annotation {kind} is of the wrong kind")


def _catalog(subject: Subject) -> None:
    root = subject.pdf.Root
    if "/AA" in root:
        subject.add(("6.6.2", "6.5.2"), "the catalog has additional actions (AA)")
    names = root.get("/Names")
    names = names if isinstance(names, pikepdf.Dictionary) else pikepdf.Dictionary()
    if "/JavaScript" in names:
        subject.add(("6.6.1", "6.5.1"), "the document has JavaScript")
    if subject.part == 1:
        return
    if "/AlternatePresentations" in names:
        subject.add(("", "6.10"), "the document has alternate presentations")
    if "/Requirements" in root:
        subject.add(("", "6.11"), "the catalog has Requirements")
    if true(root.get("/NeedsRendering")):
        subject.add(("", "6.4.2"), "the catalog asks for rendering (NeedsRendering)")
    permissions = root.get("/Perms")
    if isinstance(permissions, pikepdf.Dictionary) and set(permissions.keys()) - {"/UR3", "/DocMDP"}:
        subject.add(("", "6.1.12"), "the permissions have other keys than UR3 and DocMDP")


def _form(subject: Subject) -> None:
    form = subject.pdf.Root.get("/AcroForm")
    if not isinstance(form, pikepdf.Dictionary):
        return
    if true(form.get("/NeedAppearances")):
        subject.add(("6.9", "6.4.1"), "the form wants its appearances made anew (NeedAppearances)")
    if subject.part > 1 and "/XFA" in form:
        subject.add(("", "6.4.2"), "the form is XFA")
    waiting, seen = _values(form.get("/Fields")), 0
    while waiting and seen < MOST_OBJECTS:
        field = waiting.pop()
        seen += 1
        if "/AA" in field:
            subject.add(("6.6.2", "6.4.1"), "a field has additional actions (AA)")
        waiting += _values(field.get("/Kids"))


def _layers(subject: Subject) -> None:
    properties = subject.pdf.Root.get("/OCProperties")
    if not isinstance(properties, pikepdf.Dictionary):
        return
    if subject.part == 1:
        subject.add(("6.1.13", ""), "the document has optional content (layers)")
        return
    groups = {each.objgen for each in _values(properties.get("/OCGs"))}
    titles: list[str] = []
    for setting in [properties.get("/D"), *_values(properties.get("/Configs"))]:
        if not isinstance(setting, pikepdf.Dictionary):
            continue
        titles.append(str(setting.get("/Name", "")))
        if "/AS" in setting:
            subject.add(("", "6.9"), "a configuration of layers changes them by itself (AS)")
        if "/Order" in setting and groups - _ordered(setting["/Order"]):
            subject.add(("", "6.9"), "the order of the layers does not name all of them")
    if "" in titles:
        subject.add(("", "6.9"), "a configuration of layers has no name")
    if len(set(titles)) < len(titles):
        subject.add(("", "6.9"), "two configurations of layers have the same name")


def _ordered(order: Any) -> set[tuple[int, int]]:
    found: set[tuple[int, int]] = set()
    for each in order:
        if isinstance(each, pikepdf.Array):
            found |= _ordered(each)
        elif isinstance(each, pikepdf.Dictionary):
            found.add(each.objgen)
    return found


def _attachments(subject: Subject) -> None:
    names = subject.pdf.Root.get("/Names")
    if subject.part == 1 and isinstance(names, pikepdf.Dictionary) and "/EmbeddedFiles" in names:
        subject.add(("6.1.11", ""), "the document has embedded files")
    for each in dictionaries(subject.pdf):
        if "/EF" not in each or not isinstance(each.get("/EF"), pikepdf.Dictionary):
            continue
        if subject.part == 1:
            subject.add(("6.1.11", ""), "a file specification embeds a file")
            continue
        if "/F" not in each or "/UF" not in each:
            subject.add(("", "6.8"), "the specification of an embedded file lacks F or UF")
        if subject.part == 3 and "/AFRelationship" not in each:
            subject.add(("", "6.8"), "the specification of an embedded file does not say what it is to the document")
        if subject.part == 2:
            _embedded(subject, each["/EF"])


def _embedded(subject: Subject, files: Any) -> None:
    for _, stream in files.items():
        if not isinstance(stream, pikepdf.Stream):
            continue
        try:
            with pikepdf.open(io.BytesIO(stream.read_bytes())) as inner:
                claim = claim_of(xmp_of(inner))
        except pikepdf.PdfError:
            claim = None
        if claim is None or claim.part not in (1, 2):
            subject.add(("", "6.8"), "an embedded file is no PDF/A-1 or PDF/A-2")
