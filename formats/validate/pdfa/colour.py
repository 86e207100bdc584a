"""Colour and content: output intents, profiles, device colours, operators (ISO 19005-1 6.2, ISO 19005-2 6.2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pikepdf

from formats.validate.pdfa.structure import RENDERING_INTENTS
from formats.validate.pdfa.subject import Subject, dictionaries, name, true

__all__ = ["check_colour"]

DEEPEST_STATES = 28
INVISIBLE_TEXT = 3
GRAPHICS_OPERATORS = (
    "b B b* B* BDC BI BMC BX c cm CS cs d d0 d1 Do DP EI EMC EX f F f* G g gs h i ID j J K k l m M MP n q Q re RG rg ri"
)
OTHER_OPERATORS = "s S SC sc SCN scn sh v w W W* y BT ET T* Tc Td TD Tf Tj TJ TL Tm Tr Ts Tw Tz ' \""
OPERATORS = frozenset(f"{GRAPHICS_OPERATORS} {OTHER_OPERATORS}".split())
"""All operators of a content stream (ISO 32000-1, annex A)."""

DEVICE_OPERATORS = {
    "g": "DeviceGray",
    "G": "DeviceGray",
    "rg": "DeviceRGB",
    "RG": "DeviceRGB",
    "k": "DeviceCMYK",
    "K": "DeviceCMYK",
}
SHORT = {"G": "DeviceGray", "RGB": "DeviceRGB", "CMYK": "DeviceCMYK"}
DEFAULTS = {"DeviceGray": "/DefaultGray", "DeviceRGB": "/DefaultRGB", "DeviceCMYK": "/DefaultCMYK"}
PROFILE_SPACES = {b"GRAY": "DeviceGray", b"RGB ": "DeviceRGB", b"CMYK": "DeviceCMYK"}
COMPONENTS = {b"GRAY": 1, b"RGB ": 3, b"CMYK": 4, b"Lab ": 3}
PROCESS_INKS = {"Cyan", "Magenta", "Yellow", "Black", "None"}
CLASSES = (b"prtr", b"mntr", b"scnr", b"spac")
PROFILE_HEADER = 128
NEWEST_PROFILE = (2, 4)
MOST_DEPTH = 40


def _is_cmyk_profile(space: Any) -> bool:
    return isinstance(space, pikepdf.Array) and len(space) == 2 and name(space[0]) == "ICCBased" and space[1].get("/N") == 4


@dataclass
class _Content:
    """What the content streams of the document were seen to use."""

    subject: Subject
    devices: set[str] = field(default_factory=set)
    fonts: set[tuple[int, int]] = field(default_factory=set)
    seen: set[tuple[int, int]] = field(default_factory=set)
    inks: dict[str, str] = field(default_factory=dict)
    transparent: bool = False


def check_colour(subject: Subject) -> set[tuple[int, int]]:
    """Check colours and content; gives the fonts that show text visibly."""
    intents = _intents(subject)
    for each in dictionaries(subject.pdf):
        for space in _spaces(each):
            _profile_of(subject, space)
    content = _Content(subject)
    for page in subject.pdf.pages:
        content.transparent = False
        resources = page.obj.get("/Resources") or page.resources
        _stream(content, page, resources if isinstance(resources, pikepdf.Dictionary) else pikepdf.Dictionary(), 0)
        for annotation in page.obj.get("/Annots", ()):
            if isinstance(annotation, pikepdf.Dictionary):
                _appearances(content, annotation.get("/AP"), 0)
        group = page.obj.get("/Group")
        blending = group.get("/CS") if isinstance(group, pikepdf.Dictionary) else None
        _device(content, blending, resources)
        if subject.part > 1 and content.transparent and blending is None and not intents:
            subject.add(("", "6.2.10"), "a page is transparent in parts, and no colour space is given to blend in")
    for device in sorted(content.devices):
        if device == "DeviceGray" and intents:
            continue
        if device not in intents:
            subject.add(("6.2.3.3", "6.2.4.3"), f"{device} is used, and no output intent says what it means")
    return content.fonts


def _intents(subject: Subject) -> set[str]:
    """The device colour spaces that the output intents explain."""
    explained: set[str] = set()
    profiles: set[tuple[int, int]] = set()
    intents = subject.pdf.Root.get("/OutputIntents")
    for intent in intents if isinstance(intents, pikepdf.Array) else ():
        if not isinstance(intent, pikepdf.Dictionary):
            continue
        profile = intent.get("/DestOutputProfile")
        if isinstance(profile, pikepdf.Stream):
            profiles.add(profile.objgen)
        if subject.part > 1 and "/DestOutputProfileRef" in intent:
            subject.add(("", "6.2.3"), "an output intent refers to a profile outside of the file")
        if name(intent.get("/S")) != "GTS_PDFA1":
            continue
        if isinstance(profile, pikepdf.Stream):
            space = _profile(subject, profile, ("6.2.2", "6.2.3"), classes=CLASSES[:2])
            explained.add(PROFILE_SPACES.get(space, ""))
        elif subject.part == 1 or "/OutputConditionIdentifier" not in intent:
            subject.add(("6.2.2", "6.2.3"), "the output intent has no profile")
    if len(profiles) > 1:
        subject.add(("6.2.2", "6.2.3"), "the output intents have different profiles")
    return explained - {""}


def _profile(subject: Subject, stream: Any, clause: tuple[str, str], *, classes: tuple[bytes, ...] = CLASSES) -> bytes:
    """Look at the header of an ICC profile; gives its colour space."""
    try:
        header = stream.read_bytes()[:PROFILE_HEADER]
    except pikepdf.PdfError:
        header = b""
    if len(header) < PROFILE_HEADER or header[36:40] != b"acsp":
        subject.add(clause, "a profile is no ICC profile")
        return b""
    space = bytes(header[16:20])
    if header[8] > NEWEST_PROFILE[subject.part > 1]:
        subject.add(clause, f"a profile is of ICC version {header[8]}")
    if header[12:16] not in classes or space not in COMPONENTS:
        subject.add(clause, "a profile is of a class or a colour space that does not serve")
    elif stream.get("/N") != COMPONENTS[space]:
        subject.add(clause, "the number of components (N) is not that of the profile")
    return space


def _spaces(each: Any) -> list[Any]:
    found = [each.get("/ColorSpace"), each.get("/CS")]
    for table in (each.get("/ColorSpace"), each):
        if isinstance(table, pikepdf.Dictionary) and not isinstance(table, pikepdf.Stream):
            found += [value for _, value in table.items()]
    return [space for space in found if isinstance(space, pikepdf.Array) and len(space)]


def _profile_of(subject: Subject, space: Any, depth: int = 0) -> None:
    family = name(space[0])
    if family == "ICCBased" and len(space) > 1 and isinstance(space[1], pikepdf.Stream):
        _profile(subject, space[1], ("6.2.3.2", "6.2.4.2"))
    elif family in ("Indexed", "Pattern", "Separation", "DeviceN") and depth < 5:
        for inner in space:
            if isinstance(inner, pikepdf.Array) and len(inner) and isinstance(inner[0], pikepdf.Name):
                _profile_of(subject, inner, depth + 1)


def _device(content: _Content, space: Any, resources: Any, depth: int = 0) -> None:
    """Note the device colour that ``space`` comes to."""
    spaces = resources.get("/ColorSpace")
    spaces = spaces if isinstance(spaces, pikepdf.Dictionary) else pikepdf.Dictionary()
    if isinstance(space, pikepdf.Name):
        device = SHORT.get(name(space), name(space))
        if device in DEFAULTS:
            if DEFAULTS[device] not in spaces:
                content.devices.add(device)
        elif str(space) in spaces and depth < 5:
            _device(content, spaces[str(space)], resources, depth + 1)
    elif isinstance(space, pikepdf.Array) and len(space) and depth < 5:
        family = name(space[0])
        if len(space) == 1:
            _device(content, space[0], resources, depth + 1)
        elif family in ("Indexed", "I", "Pattern"):
            _device(content, space[1], resources, depth + 1)
        elif family in ("Separation", "DeviceN") and len(space) > 3:
            _ink(content, space)
            _device(content, space[2], resources, depth + 1)


def _ink(content: _Content, space: Any) -> None:
    """One ink, one meaning (6.2.4.4 of part 2): alternate space and tint are the same wherever it is named; DeviceN explains all."""
    if content.subject.part == 1:
        return
    if name(space[0]) == "Separation":
        tint = space[3].read_bytes() if isinstance(space[3], pikepdf.Stream) else b""
        meaning = repr((space[2].unparse() if isinstance(space[2], pikepdf.Object) else space[2], tint))
        if content.inks.setdefault(name(space[1]), meaning) != meaning:
            content.subject.add(("", "6.2.4.4"), f"the ink {space[1]} has two meanings")
        return
    attributes = space[4] if len(space) > 4 and isinstance(space[4], pikepdf.Dictionary) else pikepdf.Dictionary()
    explained = attributes.get("/Colorants")
    process = attributes.get("/Process")
    known = PROCESS_INKS | {key[1:] for key in (explained.keys() if isinstance(explained, pikepdf.Dictionary) else ())}
    if isinstance(process, pikepdf.Dictionary):
        known |= {name(each) for each in process.get("/Components", ())}
    for each in space[1]:
        if name(each) not in known:
            content.subject.add(("", "6.2.4.4"), f"the ink {each} of a DeviceN colour space is not described (Colorants)")


def _appearances(content: _Content, value: Any, depth: int) -> None:
    if isinstance(value, pikepdf.Stream):
        _form(content, value, pikepdf.Dictionary(), 0)
    elif isinstance(value, pikepdf.Dictionary) and depth < 3:
        for _, each in value.items():
            _appearances(content, each, depth + 1)


def _form(content: _Content, form: Any, inherited: Any, depth: int) -> None:
    if form.objgen in content.seen or depth > MOST_DEPTH:
        return
    content.seen.add(form.objgen)
    group = form.get("/Group")
    if isinstance(group, pikepdf.Dictionary) and name(group.get("/S")) == "Transparency":
        content.transparent = True
        _device(content, group.get("/CS"), inherited)
    resources = form.get("/Resources")
    _stream(content, form, resources if isinstance(resources, pikepdf.Dictionary) else inherited, depth + 1)


def _stream(content: _Content, source: Any, resources: Any, depth: int) -> None:
    """Follow one content stream: colours, fonts, states, XObjects, patterns."""
    try:
        instructions = pikepdf.parse_content_stream(source)
    except (pikepdf.PdfError, TypeError):
        content.subject.add(("6.2.10", "6.2.2"), "a content stream cannot be read")
        return
    walk = _Walk(content, resources, depth)
    for instruction in instructions:
        walk.step(instruction)


class _Walk:
    """The state while one content stream is followed."""

    def __init__(self, content: _Content, resources: Any, depth: int) -> None:
        self._content = content
        self._resources = resources
        self._depth = depth
        self._states = 0
        self._mode = 0
        self._overprint = False
        self._four = False
        self._font: Any = None
        self._kept: list[tuple[int, Any]] = []

    def step(self, instruction: Any) -> None:
        if isinstance(instruction, pikepdf.ContentStreamInlineImage):
            self._inline(instruction)
            return
        operator, operands = str(instruction.operator), instruction.operands
        if operator in DEVICE_OPERATORS:
            _device(self._content, pikepdf.Name(f"/{DEVICE_OPERATORS[operator]}"), self._resources)
        elif operator not in OPERATORS:
            self._content.subject.add(("6.2.10", "6.2.2"), f"there is no operator {operator[:20]}")
        else:
            self._known(operator, operands)

    def _known(self, operator: str, operands: Any) -> None:
        match operator:
            case "q":
                self._states += 1
                self._kept.append((self._mode, self._font))
                if self._states > DEEPEST_STATES:
                    self._content.subject.add(("6.1.12", "6.1.13"), f"q is nested more than {DEEPEST_STATES} times")
            case "Q":
                self._states = max(self._states - 1, 0)
                if self._kept:
                    self._mode, self._font = self._kept.pop()
            case "cs" | "CS" if operands:
                _device(self._content, operands[0], self._resources)
                self._four = _is_cmyk_profile(self._resource("/ColorSpace", operands[0]))
                self._overprinted()
            case "ri" if operands and name(operands[0]) not in RENDERING_INTENTS:
                self._content.subject.add(("6.2.9", "6.2.6"), f"there is no rendering intent {operands[0]}")
            case "gs" if operands:
                self._state(self._resource("/ExtGState", operands[0]))
            case "Tr" if operands:
                self._mode = int(operands[0])
            case "Tf" if operands:
                self._font = self._resource("/Font", operands[0])
            case "Tj" | "TJ" | "'" | '"':
                self._text()
            case "Do" | "sh" | "scn" | "SCN" if operands:
                self._paint(operator, operands[-1])

    def _state(self, state: Any) -> None:
        if not isinstance(state, pikepdf.Dictionary):
            return
        opaque = all(float(state.get(key, 1)) == 1 for key in ("/ca", "/CA")) and name(state.get("/SMask")) in ("", "None")
        mask = state.get("/SMask")
        if not opaque or isinstance(mask, pikepdf.Dictionary) or name(state.get("/BM")) not in ("", "Normal", "Compatible"):
            self._content.transparent = True
        if isinstance(mask, pikepdf.Dictionary) and isinstance(mask.get("/G"), pikepdf.Stream):
            _form(self._content, mask["/G"], self._resources, self._depth)
        self._overprint = state.get("/OPM") == 1 and (true(state.get("/OP")) or true(state.get("/op")))
        self._overprinted()

    def _overprinted(self) -> None:
        if self._content.subject.part > 1 and self._overprint and self._four:
            self._content.subject.add(
                ("", "6.2.4.2"), "overprinting of the mode 1 in an ICCBased colour space of four components"
            )

    def _resource(self, kind: str, key: Any) -> Any:
        table = self._resources.get(kind)
        return table.get(str(key)) if isinstance(table, pikepdf.Dictionary) and isinstance(key, pikepdf.Name) else None

    def _text(self) -> None:
        font = self._font
        if self._mode == INVISIBLE_TEXT or not isinstance(font, pikepdf.Dictionary):
            return
        self._content.fonts.add(font.objgen)
        if name(font.get("/Subtype")) == "Type3" and font.objgen not in self._content.seen:
            self._content.seen.add(font.objgen)
            procedures = font.get("/CharProcs")
            resources = font.get("/Resources")
            own = isinstance(resources, pikepdf.Dictionary)
            for _, glyph in procedures.items() if isinstance(procedures, pikepdf.Dictionary) else ():
                if not own and self._content.subject.part > 1 and b" cs" in glyph.read_bytes():
                    self._content.subject.add(("", "6.2.2"), "the glyphs of a Type 3 font use resources that the font has not")
                _form(self._content, glyph, resources if own else self._resources, self._depth)

    def _paint(self, operator: str, key: Any) -> None:
        kind = {"Do": "/XObject", "sh": "/Shading"}.get(operator, "/Pattern")
        thing = self._resource(kind, key)
        if not isinstance(thing, pikepdf.Dictionary | pikepdf.Stream):
            return
        shading = thing.get("/Shading") if kind == "/Pattern" else thing
        if isinstance(shading, pikepdf.Dictionary | pikepdf.Stream) and kind != "/XObject":
            _device(self._content, shading.get("/ColorSpace"), self._resources)
        if name(thing.get("/Subtype")) == "Image":
            if not true(thing.get("/ImageMask")) and "JPXDecode" not in str(thing.get("/Filter", "")):
                _device(self._content, thing.get("/ColorSpace"), self._resources)
        elif isinstance(thing, pikepdf.Stream) and kind != "/Shading":
            _form(self._content, thing, self._resources, self._depth)

    def _inline(self, instruction: Any) -> None:
        image = instruction.iimage.obj
        _device(self._content, image.get("/CS", image.get("/ColorSpace")), self._resources)
        if "LZW" in str(image.get("/F", image.get("/Filter", ""))):
            self._content.subject.add(("6.1.10", "6.1.10"), "an inline image is compressed with LZW")
        if true(image.get("/I", image.get("/Interpolate"))):
            self._content.subject.add(("6.2.4", "6.2.8"), "an inline image asks for interpolation")
