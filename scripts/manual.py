# SPDX-License-Identifier: MIT
"""Writes the manual pages from the public headers, so that the two cannot differ.

    manual.py --changelog FILE [--example STEM=FILE]... OUTPUT_DIR HEADER...

A page for each function (and each typed function, as prefix_...), each documented macro and each struct and enum: its
prototype, its comment, the comments of those it refers to ("As arena_alloc"), and what the head of its header says of the
handle.  A page for each header, named arena_STEM, with all of it, and a program where --example names one; that of arena.h
is arena(3).

    manual.py --check HEADER...

fails where a function has no comment of its own; a typed function may have that of its namesake.

What is read of a header: a comment belongs to the declaration on the line below it.  A macro is documented where a line of
a comment begins with its name and has a colon: `ARENA_TYPE(T): ...`.  Lines that are indented stay as they are.
"""
import argparse
import os
import re
import shutil
import sys

NAME = r"(?:arena|prefix)_\w+"


class Entry:
    """A function, macro, struct or enum."""

    def __init__(self, kind, name, text, comment, header):
        self.kind = kind
        self.name = name
        self.text = text  # the declaration
        self.comment = comment  # None: it has none of its own
        self.header = header
        self.summary = None  # where it is not the first sentence of the comment


class Header:
    """What one header says: its head comment, and its entries in their order."""

    def __init__(self, path):
        self.path = path
        self.stem = os.path.basename(path).rsplit(".", 1)[0]
        self.entries = []
        with open(path, encoding="utf-8") as file:
            text = file.read()
        if os.path.basename(os.path.dirname(path)) == "typed":  # a part of the template
            self.stem = "typed_" + self.stem
            text = as_prefix(text)
        self.read(text)

    @property
    def page(self):
        return "arena" if self.stem == "arena" else "arena_" + self.stem

    @property
    def library(self):
        return "libarena-mhd" if self.stem == "mhd" else "libarena"

    @property
    def include(self):
        return "arena/mhd.h" if self.stem == "mhd" else "arena/arena.h"

    def read(self, text):
        text = re.sub(r"^/\* SPDX-License-Identifier.*\n", "", text)
        defined = set(re.findall(r"^[ \t]*#[ \t]*define (\w+)", text, flags=re.MULTILINE))
        head = re.match(r"/\*.*?\*/", text, flags=re.DOTALL)
        # "libarena: struct arena_pool: isolated arenas" on the page arena_pool.
        self.head = re.sub(r"^libarena(-mhd)?: (struct \w+[:,] )?", "", plain(head.group(0)))
        self.head = self.head[:1].upper() + self.head[1:]
        at = head.end()
        comment, comment_end = None, -1
        while at < len(text):
            if text.startswith("/*", at):
                end = text.index("*/", at) + 2
                comment, comment_end = plain(text[at:end]), end
                self.read_macros(comment, defined)
            elif text[at - 1] != "\n":
                end = at + 1
            elif text[at] == "#":  # a directive, with the lines it goes on in
                end = re.compile(r"(?:.*\\\n)*.*").match(text, at).end()
            elif re.match(r"(ARENA_API|ARENA_INLINE|ARENA_STORING_|struct|enum|typedef)\b", text[at:at + 20]):
                own = comment if text[comment_end:at] == "\n" else None
                end = self.read_declaration(text, at, own)
            else:
                end = at + 1
            at = end

    def read_macros(self, comment, defined):
        """A comment may explain several, one after the other."""
        starts = [match for match in re.finditer(r"^(ARENA_\w+)(\([^)]*\))?( \{ \.\.\. \})?[^:.;\n]*:", comment, flags=re.MULTILINE)
                  if match.group(1) in defined]
        for match, following in zip(starts, starts[1:] + [None]):
            text = comment[match.end():following.start() if following else len(comment)].strip()
            self.entries.append(Entry("macro", match.group(1), match.group(0).rstrip(": "), text, self))

    def read_declaration(self, text, start, comment):
        depth = 0
        end = start
        while True:  # to the semicolon, or behind the body of a function
            if text.startswith("/*", end):
                end = text.index("*/", end) + 1
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            if depth == 0 and text[end] in ";}" and (text[end] == ";" or text.startswith(("ARENA_INLINE", "ARENA_STORING_"), start)):
                break
            end += 1
        end += 1
        declaration = text[start:end]
        behind = re.compile(r"[ \t]*(/\*.*?\*/)").match(text, end)
        if behind:
            comment = comment or plain(behind.group(1))
            end = behind.end()
        if re.match(r"(struct|enum)\b[^;(]*\{", declaration):
            name = re.match(r"(?:struct|enum) (\w+)", declaration)
            if name and not name.group(1).endswith("_"):
                self.entries.append(Entry("type", name.group(1), declaration, comment, self))
        elif declaration.startswith(("ARENA_API", "ARENA_INLINE", "ARENA_STORING_", "typedef")):
            prototype = re.sub(r"/\*.*?\*/", " ", declaration, flags=re.DOTALL).split("{")[0]
            prototype = prototype.replace("ARENA_NORETURN", "_Noreturn")
            prototype = re.sub(r"\bARENA_[A-Z_]+\b(\s*\([^()]*\))?", " ", prototype)
            prototype = re.sub(r"\s+", " ", prototype).strip(" ;") + ";"
            name = re.search(r"\b(%s)\s*\(" % NAME, prototype)
            if name and not name.group(1).endswith("_"):
                kind = "callback" if prototype.startswith("typedef") else "function"
                self.entries.append(Entry(kind, name.group(1), prototype, comment, self))
        return end


def as_prefix(template):
    """The template of the typed face as it reads with the prefix `prefix`."""
    template = re.sub(r"\bARENA_F\((\w+)\)", r"prefix_\1", template)
    template = re.sub(r"\bARENA_PRIVATE_F\((\w+)\)", r"prefix_\1_", template)
    template = re.sub(r"\bARENA_PREFIX\b", "prefix", template)
    template = re.sub(r"\bARENA_ARENA_(?= )", "struct arena", template)
    return re.sub(r"\bARENA_(ELEMENT|SLAB|BURST|CONCURRENT|POOL)\b", lambda match: "prefix_" + match.group(1).lower(), template)


def plain(comment):
    """The text of a comment, without its stars."""
    lines = re.sub(r"^/\*\s?|\s*\*/$", "", comment).split("\n")
    lines = [re.sub(r"^\s*\* ?", "", line).rstrip() for line in lines]
    if re.match(r"-{2,}", lines[0]):  # a heading: --- Scopes -----
        lines[0] = lines[0].strip("- ") + "."
    return "\n".join(lines).strip()


# --- writing


def escaped(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^(?=[.'])", r"\\&", text, flags=re.MULTILINE)


class Writer:
    """Writes the pages of some headers into a folder."""

    def __init__(self, headers, changelog, examples, folder):
        self.headers = headers
        self.version, self.date = changelog
        self.examples = examples
        self.folder = folder
        self.entries = {}
        for header in headers:
            for entry in header.entries:
                if entry.name not in self.entries or self.entries[entry.name].comment is None:
                    self.entries[entry.name] = entry
        self.topics = {header.page: header for header in headers}
        for entry in self.entries.values():
            erased = re.sub("^prefix_", "arena_", entry.name)
            if entry.comment is None and erased != entry.name and erased in self.entries:
                entry.comment = f"As {erased}."
                entry.summary = summary_of(self.entries[erased].comment or "")

    def inline(self, text):
        """One line of prose: names in bold, what stands in backquotes in italics."""
        text = escaped(text)
        text = re.sub(r"`([^`]*)`", r"\\fI\1\\fP", text)

        def bold(match):
            name = match.group(1)
            if name in self.entries or name in self.topics or re.match(r"ARENA_|NULL$", name):
                return "\\fB" + name + "\\fP"
            return name

        return re.sub(r"\b((?:arena|prefix|ARENA)_\w+|NULL)\b", bold, text)

    def prose(self, text):
        lines = []
        for paragraph in re.split(r"\n\s*\n", text):
            if lines:
                lines.append(".PP")
            # Indented lines, and those that go on from them, stay as they are.
            literal = False
            for line in paragraph.split("\n"):
                wants = line.startswith("  ")
                if wants != literal:
                    lines += [".nf"] if wants else [".fi"]
                    literal = wants
                if literal:
                    lines.append(escaped(line))
                    continue
                if re.match(r"ARENA_E[A-Z]+\b.*:", line) and lines and lines[-1] not in (".PP", ".fi"):
                    lines.append(".br")
                # Each sentence on a line of its own, as the formatter wants it.
                lines += [self.inline(part) for part in re.split(r"(?<=[.:;])  +", line)]
            if literal:
                lines.append(".fi")
        return lines

    def code(self, text):
        return [".nf", *escaped(text).split("\n"), ".fi"]

    def prototype(self, entry):
        """On lines of some 76 columns."""
        if entry.kind == "type":
            return entry.text
        lines, line = [], ""
        for part in entry.text.split(", "):
            if line and len(line) + len(part) > 74:
                lines.append(line + ",")
                line = "    " + part
            else:
                line = line + ", " + part if line else part
        return "\n".join([*lines, line])

    def said_elsewhere(self, entry):
        """The entries that a comment refers to for what it does not say: "As arena_alloc", "Statuses as for ...", or "The same"
        for the one before."""
        found, waiting = [], [entry]
        while waiting:
            current = waiting.pop(0)
            names = re.findall(r"\b[Aa]s(?: for)? (%s)\b" % NAME, current.comment or "")
            if (current.comment or "").startswith("The same"):
                at = current.header.entries.index(current)
                names += [current.header.entries[at - 1].name] if at > 0 else []
            for name in names:
                other = self.entries.get(name)
                if other is not None and other is not entry and other not in found:
                    found.append(other)
                    waiting.append(other)
        return found

    def write(self, name, summary, lines):
        summary = re.sub(r"\s+", " ", summary).strip().rstrip(".:;,")
        page = [
            "." + '\\" Made from the headers by scripts/manual.py.',
            f'.TH {name} 3 "{self.date}" "libarena {self.version}" "Library Functions Manual"',
            ".SH NAME",
            f"{name} \\- {escaped(summary)}",
            *lines,
        ]
        with open(os.path.join(self.folder, name + ".3"), "w", encoding="utf-8") as file:
            file.write("\n".join(page) + "\n")

    def start(self, header, synopsis):
        return [
            ".SH LIBRARY",
            escaped(f"{header.library} (pkg-config {'arena-mhd' if header.stem == 'mhd' else 'arena'})"),
            ".SH SYNOPSIS",
            *self.code(f"#include <{header.include}>\n\n{synopsis}" if synopsis else f"#include <{header.include}>"),
        ]

    def see_also(self, names):
        names = list(dict.fromkeys(names))
        return [".SH SEE ALSO", *[f".BR {name} (3)" + ("," if name != names[-1] else "") for name in names]]

    def write_entry(self, entry):
        comment = entry.comment or ""
        lines = self.start(entry.header, self.prototype(entry))
        lines += [".SH DESCRIPTION", *self.prose(comment or "Part of " + entry.header.page + ".")]
        others = self.said_elsewhere(entry)
        for other in others:
            lines += [f".SS {other.name}", *self.prose(other.comment or "")]
        lines += [".SH NOTES", *self.prose(entry.header.head)]
        siblings = [other.name for other in entry.header.entries if other.kind == entry.kind and other is not entry]
        at = next((i for i, other in enumerate(entry.header.entries) if other is entry), 0)
        near = {other.name for other in entry.header.entries[max(0, at - 4):at + 5]}
        lines += self.see_also([entry.header.page, *[other.name for other in others],
                                *[name for name in siblings if name in near]])
        self.write(entry.name, entry.summary or summary_of(comment) or "of " + entry.header.page, lines)

    def write_topic(self, header):
        entries = [entry for entry in header.entries if self.entries.get(entry.name) is entry]
        lines = self.start(header, "")
        lines += [".SH DESCRIPTION", *self.prose(header.head)]
        for kind, title in (("type", "TYPES"), ("callback", "CALLBACKS"), ("macro", "MACROS"), ("function", "FUNCTIONS")):
            chosen = [entry for entry in entries if entry.kind == kind]
            if chosen:
                lines.append(f".SH {title}")
            for entry in chosen:
                lines += [f".SS {entry.name}", *self.code(self.prototype(entry)), ".PP",
                          *self.prose(entry.comment or "See above.")]
        if header.stem in self.examples:
            with open(self.examples[header.stem], encoding="utf-8") as file:
                lines += [".SH EXAMPLES", *self.code(re.sub(r"^/\* SPDX.*\n", "", file.read()).rstrip("\n"))]
        pages = [other.page for other in self.headers if other is not header]
        lines += self.see_also(pages)
        self.write(header.page, summary_of(header.head), lines)

    def run(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        for name, entry in self.entries.items():
            if name not in self.topics:
                self.write_entry(entry)
        for header in self.headers:
            self.write_topic(header)


def summary_of(comment):
    """The first sentence, as far as its first colon or semicolon where that says enough."""
    first = re.split(r"(?<![\s.])\.(?:\s|$)|\n\s*\n", comment, maxsplit=1)[0]
    first = re.sub(r"\s+", " ", first).replace("`", "").strip()
    if not first.startswith("As "):
        first = re.split(r"[:;] ", first, maxsplit=1)[0]
    return first[:1].lower() + first[1:] if re.match(r"[A-Z][a-z]* ", first) else first


def last_release(path):
    """The version and the date of the newest section of CHANGELOG.md that has one."""
    with open(path, encoding="utf-8") as file:
        found = re.search(r"^## ([\d.]+) - (\d{4}-\d{2}-\d{2})$", file.read(), flags=re.MULTILINE)
    if found is None:
        sys.exit(f"{path}: no section `## VERSION - DATE`")
    return found.groups()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--changelog", default="CHANGELOG.md")
    parser.add_argument("--example", action="append", default=[])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("paths", nargs="+")
    options = parser.parse_args()
    paths = options.paths if options.check else options.paths[1:]
    headers = [Header(path) for path in paths]
    if options.check:
        names = {entry.name for header in headers for entry in header.entries}
        bare = [entry.name for header in headers for entry in header.entries
                if entry.kind == "function" and entry.comment is None and
                (entry.name.startswith("arena_") or re.sub("^prefix_", "arena_", entry.name) not in names)]
        for name in bare:
            print(f"{name} has no comment of its own, on the line above it")
        total = sum(entry.kind == "function" for header in headers for entry in header.entries)
        print(f"{total} functions, {len(bare)} without a comment")
        sys.exit(bool(bare) or total == 0)
    examples = dict(example.split("=", 1) for example in options.example)
    Writer(headers, last_release(options.changelog), examples, options.paths[0]).run()


main()
