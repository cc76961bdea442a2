"""The structs and enums of include/camrank, for ctypes, as the compiler has laid them out.

`from structs import cr_box, CR_SCALING_MAX` gives a ctypes class with the members of the struct, and
the value of the enumerator. They come from the debugging information of structs.c, so nothing here has
to follow a header but the list of headers there. In the classes

  * members are given by name, `cr_box(x0=1, y0=2, x1=3, y1=4)`, since their order is the header's to
    choose, and no other can be set; `as`, which Python keeps for itself, is `as_`
  * `const char *` is a string, a pointer to a struct, pointer or function is itself, and any other
    pointer is an address (an int): of an array a, a.ctypes.data
  * an enum is an int
"""
import ctypes as ct
import keyword
import os
import re
import subprocess

OBJECT = os.path.join(os.environ.get("BUILD", "build"), "tests", "judge", "structs.o")
# ` <1><2d>: Abbrev Number: 2 (DW_TAG_member)` and `    <2e>   DW_AT_name        : (...string...): x0`
LINE = re.compile(r" *<(\d+)><([0-9a-f]+)>: Abbrev Number: \d+ \(DW_TAG_(\w+)\)|"
                  r" *<[0-9a-f]+> +DW_AT_(\w+) *: (?:\([^)]*string[^)]*\): )?(.*)")
STRUCTS = {"structure_type": ct.Structure, "union_type": ct.Union}


class _Entry(dict):
    """An entry of the debugging information: its attributes, as text, and the entries inside it."""

    def __init__(self, tag):
        super().__init__()
        self.tag, self.inside = tag, []

    def number(self, key):
        return int(self.get(key, "0").split()[0], 0)


def _read():
    """All entries by their place, and those that can be asked for by their name."""
    text = subprocess.run(["readelf", "--debug-dump=info", OBJECT], stdout=subprocess.PIPE, check=True,
                          text=True, env={**os.environ, "LC_ALL": "C"}).stdout
    entries, names, path = {}, {}, []
    for match in filter(None, map(LINE.match, text.splitlines())):
        depth, place, tag, key, value = match.groups()
        if tag:
            path[int(depth):] = [_Entry(tag)]
            entries[f"<0x{place}>"] = path[-1]
            if len(path) > 1:
                path[-2].inside.append(path[-1])
        else:
            path[-1][key] = value.strip()
    for entry in entries.values():
        if entry.tag in (*STRUCTS, "typedef", "enumerator") and "declaration" not in entry:
            names.setdefault(entry.get("name"), entry)
    if not entries:
        raise RuntimeError(f"{OBJECT} has no debugging information that readelf finds")
    return entries, names


_entries, _names = _read()
_made = {}  # classes by the id of their entry


def _behind(entry):
    """The type of an entry but for names and qualifiers; None is void."""
    entry = _entries.get(entry.get("type"))
    while entry is not None and entry.tag in ("typedef", "const_type", "volatile_type", "restrict_type"):
        entry = _entries.get(entry.get("type"))
    return entry


def _type_of(entry):
    """The same as a type of ctypes."""
    of = _behind(entry)
    return None if of is None else _type(of)


def _type(entry):
    if entry.tag == "base_type":
        return _number(entry)
    if entry.tag == "enumeration_type":
        return _type_of(entry)
    if entry.tag == "pointer_type":
        return _pointer(entry)
    if entry.tag == "subroutine_type":
        return ct.CFUNCTYPE(_type_of(entry), *map(_type_of, entry.inside))
    if entry.tag == "array_type":
        item = _type_of(entry)
        for part in reversed(entry.inside):
            item *= part.number("count") if "count" in part else part.number("upper_bound") + 1
        return item
    if entry.tag in STRUCTS:
        return _struct(entry)
    raise NotImplementedError(f"{entry.get('name')}: {entry.tag}")


def _number(entry):
    if entry["name"] == "char":
        return ct.c_char
    encoding = entry["encoding"].split("(")[-1].rstrip(")")
    kinds = {"boolean": (ct.c_bool,), "float": (ct.c_float, ct.c_double),
             "signed": (ct.c_int16, ct.c_int32, ct.c_int64), "signed char": (ct.c_int8,),
             "unsigned": (ct.c_uint16, ct.c_uint32, ct.c_uint64), "unsigned char": (ct.c_uint8,)}
    for kind in kinds.get(encoding, ()):
        if ct.sizeof(kind) == entry.number("byte_size"):
            return kind
    raise NotImplementedError(entry["name"])


def _pointer(entry):
    to = _behind(entry)
    if to is None or to.tag in STRUCTS and "declaration" in to:
        return ct.c_void_p
    if to.tag == "subroutine_type":
        return _type(to)
    if to.tag in STRUCTS or to.tag == "pointer_type":
        return ct.POINTER(_type(to))
    if to.get("name") == "char" and _entries[entry["type"]].tag == "const_type":
        return ct.c_char_p
    return ct.c_void_p


class _Named:
    __slots__ = ()

    def __init__(self, **members):
        super().__init__()
        for name, value in members.items():
            setattr(self, name, value)


def _struct(entry):
    """A class whose members lie where the compiler has put them."""
    if id(entry) in _made:
        return _made[id(entry)]
    base = STRUCTS[entry.tag]
    made = type(entry.get("name", "unnamed"), (_Named, base), {"__slots__": ()})
    _made[id(entry)] = made  # before its members, which may be pointers to it
    fields, places, end = [], {}, 0
    for member in (one for one in entry.inside if one.tag == "member"):
        if "name" not in member or "bit_size" in member or "data_bit_offset" in member:
            raise NotImplementedError(f"{made.__name__}: a member without a name, or of bits")
        name = member["name"] + "_" * keyword.iskeyword(member["name"])
        kind, place = _type_of(member), member.number("data_member_location")
        if base is ct.Structure and end + -end % ct.alignment(kind) < place:  # _Alignas
            fields.append((f"_{end}", ct.c_uint8 * (place - end)))
        fields.append((name, kind))
        places[name], end = place, place + ct.sizeof(kind)
    made._fields_ = fields
    if ct.sizeof(made) != entry.number("byte_size") or \
            any(getattr(made, name).offset != place for name, place in places.items()):
        raise NotImplementedError(f"{made.__name__}: ctypes lays it out in another way")
    return made


def __getattr__(name):
    if name.startswith("__"):  # Python asks for some of its own
        raise AttributeError(name)
    if name not in _names:
        raise NameError(f"no header that tests/judge/structs.c includes has {name}")
    entry = _names[name]
    return entry.number("const_value") if entry.tag == "enumerator" else \
        _type_of(entry) if entry.tag == "typedef" else _type(entry)
